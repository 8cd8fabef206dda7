import { expect, test } from "bun:test";
import { isLocal } from "./endpoint.ts";

const TRIE = `Main:
  +-- 0.0.0.0/0 3 0 4
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 172.16.0.0/15 2 0 2
        |-- 172.17.0.0
           /16 link UNICAST
        |-- 172.17.0.1
           /32 host LOCAL
        |-- 172.17.255.255
           /32 link BROADCAST
`;

test("a gateway is this machine's own while no container is on its bridge", () => {
  expect(["172.17.0.1", "172.17.0.0", "172.17.255.255", "172.17.0.10", "72.17.0.1"].map((address) => isLocal(address, TRIE))).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});
