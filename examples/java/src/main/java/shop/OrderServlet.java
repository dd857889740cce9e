// SPDX-License-Identifier: Apache-2.0
package shop;

import jakarta.servlet.annotation.WebServlet;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.logging.Logger;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Takes an order: asks another service for the price, writes it into MariaDB and tells the warehouse over Kafka. */
@WebServlet("/order")
public final class OrderServlet extends HttpServlet {
    private static final Logger LOG = Logger.getLogger("shop.orders");
    private final HttpClient http = HttpClient.newHttpClient();
    private Producer<String, String> producer;

    @Override
    public void init() {
        Properties p = new Properties();
        p.put("bootstrap.servers", Environment.get("KAFKA"));
        p.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        p.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        producer = new KafkaProducer<>(p);
    }

    @Override
    public void destroy() {
        producer.close();
    }

    @Override
    protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException {
        String item = request.getParameter("item");
        if (item == null || !item.matches("[a-z]{1,32}")) {
            response.sendError(HttpServletResponse.SC_BAD_REQUEST, "item: a word of small letters is needed");
            return;
        }
        String id = UUID.randomUUID().toString();
        try {
            int price = price(item);
            Database.insert(id, item, price);
            producer.send(new ProducerRecord<>("orders", id, item)).get(30, TimeUnit.SECONDS);
            LOG.info("order " + id + " of " + item + " taken");
            response.setContentType("application/json");
            response.getWriter().print("{\"id\":\"" + id + "\",\"price\":" + price + "}");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            response.sendError(HttpServletResponse.SC_SERVICE_UNAVAILABLE);
        } catch (Exception e) {
            LOG.log(java.util.logging.Level.SEVERE, "order " + id + " failed", e);
            response.sendError(HttpServletResponse.SC_INTERNAL_SERVER_ERROR);
        }
    }

    private int price(String item) throws IOException, InterruptedException {
        URI uri = URI.create(Environment.get("PRICE_URL") + "/price/" + item);
        HttpResponse<String> answer = http.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IOException("price of " + item + ": status " + answer.statusCode());
        }
        return Integer.parseInt(answer.body().trim());
    }
}
