// SPDX-License-Identifier: Apache-2.0

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.logging.Logger;

/** A web server that calls itself REQUESTS times [PAUSE in ms], without a line about telemetry: the OpenTelemetry Java agent does the rest. */
public final class Shop {
    private static final Logger LOG = Logger.getLogger("shop");

    public static void main(String[] args) throws Exception {
        int requests = Integer.parseInt(args[0]);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/cart", exchange -> {
            LOG.info("cart read " + exchange.getRequestURI().getQuery());
            exchange.sendResponseHeaders(200, 2);
            exchange.getResponseBody().write("ok".getBytes());
            exchange.close();
        });
        server.start();
        HttpClient client = HttpClient.newHttpClient();
        String base = "http://127.0.0.1:" + server.getAddress().getPort() + "/cart?n=";
        long pause = args.length > 1 ? Long.parseLong(args[1]) : 0;
        for (int i = 0; i < requests; i++) {
            Thread.sleep(pause);
            client.send(HttpRequest.newBuilder(URI.create(base + i)).build(), HttpResponse.BodyHandlers.ofString());
        }
        Thread.sleep(2500); // Two metric intervals.
        server.stop(0);
        System.exit(0);
    }
}
