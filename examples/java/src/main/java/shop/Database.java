// SPDX-License-Identifier: Apache-2.0
package shop;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;

/** The orders in MariaDB. DB_URL, DB_USER and DB_PASSWORD say where. */
final class Database {
    private Database() {}

    private static Connection open() throws SQLException {
        return DriverManager.getConnection(
                Environment.get("DB_URL"), Environment.get("DB_USER"), Environment.get("DB_PASSWORD"));
    }

    static void create() throws SQLException {
        try (Connection c = open(); PreparedStatement s = c.prepareStatement(
                "CREATE TABLE IF NOT EXISTS orders (id VARCHAR(64) PRIMARY KEY, item VARCHAR(64), price INT, state VARCHAR(16))")) {
            s.execute();
        }
    }

    static void insert(String id, String item, int price) throws SQLException {
        try (Connection c = open(); PreparedStatement s = c.prepareStatement(
                "INSERT INTO orders (id, item, price, state) VALUES (?, ?, ?, 'new')")) {
            s.setString(1, id);
            s.setString(2, item);
            s.setInt(3, price);
            s.executeUpdate();
        }
    }

    static void packed(String id) throws SQLException {
        try (Connection c = open(); PreparedStatement s = c.prepareStatement("UPDATE orders SET state = 'packed' WHERE id = ?")) {
            s.setString(1, id);
            s.executeUpdate();
        }
    }
}
