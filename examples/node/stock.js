// SPDX-License-Identifier: Apache-2.0
// How many of an item are in stock.
const http = require('node:http');
const log = require('pino')({ name: 'stock' });

http
  .createServer((request, response) => {
    const [, path, item] = request.url.split('/');
    if (path !== 'stock' || !item) {
      response.writeHead(404).end();
      return;
    }
    const count = [...item].reduce((sum, c) => sum + c.charCodeAt(0), 0) % 50;
    log.info(`${count} of ${item} in stock`);
    response.end(String(count));
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
