const http = require("node:http");
const ms = require("ms");
const vary = require("vary");

http
  .createServer((request, response) => {
    vary(response, "Accept");
    response.end(`up for ${ms(process.uptime() * 1000)}\n`);
  })
  .listen(8000);
