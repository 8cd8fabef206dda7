import { type Case, post, refused } from "./corpus-case.suite.ts";

export function chunked(body: string): string {
  return post("Transfer-Encoding: chunked", body);
}

export const CHUNKS: readonly Case[] = [
  ...refused("bad_chunk_size", {
    "chunk size with 0x": chunked("0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk size with plus": chunked("+5\r\nhello\r\n0\r\n\r\n"),
    "chunk size with minus": chunked("-5\r\nhello\r\n0\r\n\r\n"),
    "chunk size after a space": chunked(" 5\r\nhello\r\n0\r\n\r\n"),
    "chunk size before a space": chunked("5 \r\nhello\r\n0\r\n\r\n"),
    "chunk size before a tab": chunked("5\t;a\r\nhello\r\n0\r\n\r\n"),
    "chunk size with an underscore": chunked("1_0\r\nhello\r\n0\r\n\r\n"),
    "chunk size empty": chunked("\r\nhello\r\n0\r\n\r\n"),
    "chunk size with bare LF": chunked("5\nhello\r\n0\r\n\r\n"),
    "extension only": chunked(";a\r\nhello\r\n0\r\n\r\n"),
  }),
  ...refused("chunk_too_large", {
    "chunk size above 2^64": chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "chunk size of 2^64-1": chunked("ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    "chunk size with many zeros": chunked(`${"0".repeat(100)}5\r\nhello\r\n0\r\n\r\n`),
  }),
  ...refused("bad_chunk_end", {
    "chunk longer than its size": chunked("4\r\nhello\r\n0\r\n\r\n"),
    "chunk ended with bare LF": chunked("5\r\nhello\n0\r\n\r\n"),
    "chunk ended with two CRs": chunked("5\r\nhello\r\r0\r\n\r\n"),
    "chunk ended with CR and more": chunked("5\r\nhello\rX0\r\n\r\n"),
  }),
  ...refused("bad_chunk_line", {
    "extension with bare LF": chunked(`5;a\nhello\r\n0\r\n\r\n`),
    "extension with bare CR": chunked(`5;a\rb\r\nhello\r\n0\r\n\r\n`),
    "extension with NUL": chunked("5;\0\r\nhello\r\n0\r\n\r\n"),
    "extension with an open quote": chunked('5;a="b\r\nhello\r\n0\r\n\r\n'),
    "extension without name": chunked("5;\r\nhello\r\n0\r\n\r\n"),
    "extension with a space": chunked("5; a\r\nhello\r\n0\r\n\r\n"),
    "size with bare CR": chunked("5\rhello\r\n0\r\n\r\n"),
  }),
  ...refused("chunk_extension_too_long", { "endless extension": chunked(`5;${"a".repeat(2000)}\r\nhello\r\n0\r\n\r\n`) }),
  ...refused("forbidden_trailer", {
    "CL as trailer": chunked("0\r\nContent-Length: 5\r\n\r\n"),
    "TE as trailer": chunked("0\r\ntransfer-encoding: chunked\r\n\r\n"),
    "Host as trailer": chunked("0\r\nHost: b\r\n\r\n"),
    "X-Forwarded-For as trailer": chunked("0\r\nX_Forwarded-For: 1\r\n\r\n"),
  }),
  ...refused("bad_header_name", { "trailer with a space before its colon": chunked("0\r\nX : y\r\n\r\n") }),
  ...refused("folded_header", { "folded trailer": chunked("0\r\nX: y\r\n z\r\n\r\n") }),
  ...refused("bad_line_end", {
    "trailers ended with bare LF": chunked("0\r\n\n"),
    "trailer ended with bare LF": chunked("0\r\nX: y\n\r\n"),
    "trailer with bare CR": chunked("0\r\nX: y\rz\r\n\r\n"),
  }),
  ...refused("trailers_too_large", { "endless trailers": chunked(`0\r\n${"X: y\r\n".repeat(4000)}\r\n`) }),
];
