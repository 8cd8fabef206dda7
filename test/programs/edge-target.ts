// edge-target.ts [PORT]: answers every request with 200 and "ok", as fast as Bun can read. Requests must fit one packet and have no body. Prints "listening on PORT".
import { listen } from "bun";

const ANSWER = Buffer.from("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok");
const END = "\r\n\r\n";

const server = listen({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 0),
  socket: {
    data(socket, bytes) {
      for (let at = bytes.indexOf(END); at !== -1; at = bytes.indexOf(END, at + END.length)) socket.write(ANSWER);
    },
  },
});
console.log(`listening on ${server.port}`);
