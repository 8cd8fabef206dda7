import { type Case, HIDDEN, post, refused } from "./corpus-case.suite.ts";
import { chunked, CHUNKS } from "./corpus-chunks.suite.ts";

function get(line: string): string {
  return `GET / HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n${HIDDEN}`;
}

const LENGTHS: Case[] = [
  ...refused("length_and_chunked", {
    "CL.TE": post("Content-Length: 6\r\nTransfer-Encoding: chunked"),
    "TE.CL": post("Transfer-Encoding: chunked\r\nContent-Length: 4"),
    "CL 0 and TE": post("Content-Length: 0\r\nTransfer-Encoding: chunked"),
    "CL and TE far apart": post(`Content-Length: 6\r\n${"X: y\r\n".repeat(50)}transfer-encoding: chunked`),
  }),
  ...refused("duplicate_content_length", {
    "two CLs": post("Content-Length: 5\r\nContent-Length: 6"),
    "two equal CLs": post("Content-Length: 5\r\nContent-Length: 5"),
    "two CLs in another case": post("Content-Length: 5\r\nCONTENT-LENGTH: 0"),
  }),
  ...refused("bad_content_length", {
    "a list of CLs": post("Content-Length: 5, 5"),
    "a list of different CLs": post("Content-Length: 5,6"),
    "CL with plus": post("Content-Length: +5"),
    "CL with minus": post("Content-Length: -5"),
    "CL hexadecimal": post("Content-Length: 0x5"),
    "CL empty": post("Content-Length:"),
    "CL blank": post("Content-Length: \t "),
    "CL with a space inside": post("Content-Length: 1 2"),
    "CL with an underscore inside": post("Content-Length: 1_0"),
    "CL with a fraction": post("Content-Length: 5.0"),
    "CL with an exponent": post("Content-Length: 5e1"),
    "CL with a no-break space": post("Content-Length: \xa05"),
    "CL with a superscript digit": post("Content-Length: 5\xb2"),
    "CL above 2^64": post("Content-Length: 18446744073709551621"),
    "CL above 2^53": post("Content-Length: 9007199254740993"),
    "CL with leading zero": post("Content-Length: 05"),
  }),
  ...refused("ambiguous_header", {
    "CL with an underscore": post("Content_Length: 5"),
    "TE with an underscore": post("transfer_encoding: chunked"),
    "Host with the CL of CGI": post("CONTENT_LENGTH: 5\r\nContent-Length: 5"),
  }),
];

const CODINGS: Case[] = [
  ...refused("bad_transfer_encoding", {
    "TE not ending in chunked": post("Transfer-Encoding: chunked, gzip"),
    "TE gzip alone": post("Transfer-Encoding: gzip"),
    "TE chunked twice": post("Transfer-Encoding: chunked, chunked"),
    "TE chunked in two lines": post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    "TE with an empty element": post("Transfer-Encoding: , chunked"),
    "TE with a trailing comma": post("Transfer-Encoding: chunked,"),
    "TE empty": post("Transfer-Encoding:"),
    "TE with a parameter": post("Transfer-Encoding: chunked;q=1"),
    "TE quoted": post('Transfer-Encoding: "chunked"'),
    "TE with a no-break space": post("Transfer-Encoding: \xa0chunked"),
    "TE with two words": post("Transfer-Encoding: x chunked"),
  }),
  ...refused("unknown_transfer_encoding", {
    "TE unknown": post("Transfer-Encoding: xchunked"),
    "TE identity": post("Transfer-Encoding: identity"),
    "TE cow in front of chunked": post("Transfer-Encoding: cow, chunked"),
    "TE gzip in front of chunked": post("Transfer-Encoding: gzip, chunked"),
  }),
  ...refused("transfer_encoding_in_http_1_0", {
    "TE in HTTP/1.0": `POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  }),
  ...refused("bad_header_name", {
    "TE with a space before the colon": post("Transfer-Encoding : chunked"),
    "TE with a tab before the colon": post("Transfer-Encoding\t: chunked"),
    "CL with a space before the colon": post("Content-Length : 5"),
    "a space in a name": get("X Y: z"),
    "a name with 8 bits": get("X\xff: z"),
    "a name in brackets": get("(X): z"),
    "no name": get(": z"),
    "a vertical tab before TE": post("\vTransfer-Encoding: chunked"),
  }),
];

const LINES: Case[] = [
  ...refused("folded_header", {
    "obs-fold": get("X: y\r\n z"),
    "obs-fold of TE": post("Transfer-Encoding: chunked\r\n , identity"),
    "obs-fold with a tab": get("X: y\r\n\tContent-Length: 5"),
    "a first header line that begins with a space": `GET / HTTP/1.1\r\n Host: a\r\n\r\n`,
  }),
  ...refused("bad_line_end", {
    "bare LF in front of a header": get("X: y\nContent-Length: 5"),
    "bare LF before the blank line": "GET / HTTP/1.1\r\nHost: a\n\r\n",
    "bare CR in a value": get("X: y\rContent-Length: 5"),
    "CR CR LF": get("X: y\r"),
    "LF CR": get("X: y\n\r"),
    "bare CR in a name": get("X\rY: z"),
    "a line without colon": get("X"),
    "bare LF in the target": "GET /\n HTTP/1.1\r\nHost: a\r\n\r\n",
    "LF first": `\n${HIDDEN}`,
    "two empty lines first": `\r\n\r\n${HIDDEN}`,
  }),
  ...refused("bad_character", {
    "NUL in a value": get("X: y\0z"),
    "NUL in a name": get("X\0: y"),
    "NUL in the target": "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a backspace in a value": get("X: y\b"),
    "DEL in a value": get("X: \x7f"),
    "a vertical tab in front of chunked": post("Transfer-Encoding: \vchunked"),
  }),
  ...refused("bad_request_line", {
    "two spaces after the method": "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two spaces before the version": "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in the target": "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "two targets": "GET / HTTP/1.1 /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space after the version": "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "a space first": " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a method with a colon": "GE:T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a version in lower case": "GET / http/1.1\r\nHost: a\r\n\r\n",
    "a version of two digits": "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "a version with zeros": "GET / HTTP/01.1\r\nHost: a\r\n\r\n",
    "bare LF everywhere": "GET / HTTP/1.1\nHost: a\n\n",
  }),
  ...refused("version_not_supported", {
    "no target": "GET HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": "GET /\r\n\r\n",
    "HTTP/1.2": "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  }),
];

const PLACES: Case[] = [
  ...refused("no_host", { "no Host": "GET / HTTP/1.1\r\nX: y\r\n\r\n" }),
  ...refused("duplicate_host", {
    "two Hosts": get("Host: b"),
    "two equal Hosts": get("host: a"),
    "two Hosts and an absolute target": "GET http://c/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  }),
  ...refused("bad_host", {
    "a list of Hosts": "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "Host with userinfo": "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "Host with a path": "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host with a space": "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "Host empty": "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "Host with a bad port": "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n",
    "Host with an empty port": "GET / HTTP/1.1\r\nHost: a:\r\n\r\n",
    "Host with a port too high": "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
    "Host with an escape": "GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n",
    "an absolute target with userinfo": "GET http://u@b/ HTTP/1.1\r\nHost: b\r\n\r\n",
    "an absolute target without host": "GET http:///x HTTP/1.1\r\nHost: b\r\n\r\n",
    "an absolute target with a backslash": "GET http://a\\@b/ HTTP/1.1\r\nHost: b\r\n\r\n",
  }),
  ...refused("bad_target", {
    "* for GET": "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target without slash": "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
    "authority-form": "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "another scheme": "GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment": "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
    "a backslash": "GET /..\\x HTTP/1.1\r\nHost: a\r\n\r\n",
    "a bad escape": "GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n",
    "8 bits in the target": "GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  ...refused("path_above_root", {
    "dots above the root": "GET /../x HTTP/1.1\r\nHost: a\r\n\r\n",
    "escaped dots above the root": "GET /a/%2e%2E/.%2e/x HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  ...refused("ambiguous_path", {
    "dots beside an escaped slash": "GET /a/..%2fb HTTP/1.1\r\nHost: a\r\n\r\n",
    "dots beside an escaped backslash": "GET /a/%2e%2e%5cb HTTP/1.1\r\nHost: a\r\n\r\n",
    "dots with a parameter": "GET /a/..;x/b HTTP/1.1\r\nHost: a\r\n\r\n",
    "an escaped NUL": "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  ...refused("connect_not_supported", {
    CONNECT: "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    "CONNECT with a path": "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  ...refused("unknown_expectation", {
    "another expectation": post("Expect: 200-ok\r\nContent-Length: 1"),
    "two expectations": post("Expect: 100-continue, x\r\nContent-Length: 1"),
  }),
  ...refused("bad_connection", { "Connection that is no list of names": get("Connection: keep-alive; x") }),
];

const GOOD: Case[] = [
  {
    name: "pipelined requests",
    bytes: `${post("Content-Length: 5", "hello")}${HIDDEN}`,
    requests: ["POST / hello", "GET /hidden "],
    end: "clean",
  },
  {
    name: "a chunked body in front of a request",
    bytes: chunked(`5;a="b c"\r\nhello\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n${HIDDEN}`),
    requests: ["POST / hello0123456789", "GET /hidden "],
    end: "clean",
  },
  { name: "a request in a body", bytes: post(`Content-Length: ${HIDDEN.length}`, HIDDEN), requests: [`POST / ${HIDDEN}`], end: "clean" },
  { name: "a body of GET", bytes: "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", requests: ["GET / hi"], end: "clean" },
  { name: "one empty line first", bytes: `\r\n${HIDDEN}\r\n${HIDDEN}`, requests: ["GET /hidden ", "GET /hidden "], end: "clean" },
  {
    name: "TE in mixed case, between tabs",
    bytes: post("tRANSFER-eNCODING:\tChunked \t", "0\r\n\r\n"),
    requests: ["POST / "],
    end: "clean",
  },
  { name: "nothing is read after close", bytes: get("Connection: close"), requests: ["GET / "], end: "closed" },
  { name: "nothing is read after HTTP/1.0", bytes: `GET / HTTP/1.0\r\n\r\n${HIDDEN}`, requests: ["GET / "], end: "closed" },
  {
    name: "nothing is read after an upgrade",
    bytes: get("Connection: Upgrade\r\nUpgrade: websocket"),
    requests: ["GET / "],
    end: "closed",
  },
  {
    name: "h2c is no upgrade",
    bytes: get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x"),
    requests: ["GET / ", "GET /hidden "],
    end: "clean",
  },
  { name: "* for OPTIONS", bytes: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", requests: ["OPTIONS * "], end: "clean" },
  {
    name: "dots are resolved, empty segments kept",
    bytes: "GET /a/b/../%2e//c?/../%2e%2e HTTP/1.1\r\nHost: a\r\n\r\n",
    requests: ["GET /a//c?/../%2e%2e "],
    end: "clean",
  },
  {
    name: "slashes first become one",
    bytes: "GET //b.example/c HTTP/1.1\r\nHost: a\r\n\r\n",
    requests: ["GET /b.example/c "],
    end: "clean",
  },
  { name: "a body that is cut off", bytes: post("Content-Length: 5", "hell"), requests: [], end: "cut" },
];

export const CORPUS: readonly Case[] = [...LENGTHS, ...CODINGS, ...LINES, ...PLACES, ...CHUNKS, ...GOOD];
