// SPDX-License-Identifier: Apache-2.0
package shop;

/** What the application is told from outside. */
final class Environment {
    private Environment() {}

    static String get(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalStateException("set the environment variable " + name);
        }
        return value;
    }
}
