// SPDX-License-Identifier: Apache-2.0
package shop;

import jakarta.servlet.ServletContextEvent;
import jakarta.servlet.ServletContextListener;
import jakarta.servlet.annotation.WebListener;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.TopicExistsException;

/** Reads orders from Kafka and packs them. */
@WebListener
public final class Warehouse implements ServletContextListener {
    private static final Logger LOG = Logger.getLogger("shop.warehouse");
    private volatile boolean running = true;
    private Thread thread;

    @Override
    public void contextInitialized(ServletContextEvent event) {
        try {
            Database.create();
            createTopic();
        } catch (Exception e) {
            throw new IllegalStateException("create the table and the topic of orders", e);
        }
        thread = new Thread(this::run, "warehouse");
        thread.start();
    }

    @Override
    public void contextDestroyed(ServletContextEvent event) {
        running = false;
        try {
            thread.join(10_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void createTopic() throws ExecutionException, InterruptedException {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", Environment.get("KAFKA")))) {
            admin.createTopics(List.of(new NewTopic("orders", 1, (short) 1))).all().get();
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof TopicExistsException)) {
                throw e;
            }
        }
    }

    private void run() {
        Properties p = new Properties();
        p.put("bootstrap.servers", Environment.get("KAFKA"));
        p.put("group.id", "warehouse");
        p.put("auto.offset.reset", "earliest");
        p.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        p.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(p)) {
            consumer.subscribe(List.of("orders"));
            while (running) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    pack(record);
                }
            }
        }
    }

    private static void pack(ConsumerRecord<String, String> record) {
        try {
            Database.packed(record.key());
            LOG.info("order " + record.key() + " of " + record.value() + " packed");
        } catch (SQLException e) {
            LOG.log(Level.SEVERE, "order " + record.key() + " not packed", e);
        }
    }
}
