# SPDX-License-Identifier: Apache-2.0
"""The price of an item, which depends on how many are in stock: another service knows that."""

import logging
import os
import sys

import flask
import requests

app = flask.Flask("price")
log = logging.getLogger("price")
logging.basicConfig(level=logging.INFO)


@app.get("/price/<item>")
def price(item: str):
    stock = requests.get(f"{os.environ['STOCK_URL']}/stock/{item}", timeout=10)
    stock.raise_for_status()
    value = 100 - int(stock.text)
    log.info("%s costs %d", item, value)
    return str(value)


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]))
