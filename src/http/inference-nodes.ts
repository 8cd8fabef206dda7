import { z } from "zod";
import { HeartbeatBody, NodeId, RegistrationBody } from "../inference/nodes/wire.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { none } from "./schemas.ts";

const one = z.strictObject({ id: NodeId });
/** A hundred pools with their models. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Machines that have engines (inference.md, "Nodes"). */
export function nodeRoutes(site: Site): void {
  const { inference } = site.deps.services;
  const { nodes } = inference;
  const path = "/v2/nodes";
  const register = {
    path: `${path}/register`,
    id: "registerNode",
    summary: "Register a node, in place of one of its id",
    body: { schema: RegistrationBody, required: true, maxBytes: MAX_BYTES },
    answers: { 201: json("It is Online", "HeartbeatReply") },
  };
  endpoint(site, { method: "post", params: none, query: none, ...register }, (c, { body }) =>
    c.json(nodes.register(body.kind === "json" ? body.value : RegistrationBody.parse({})), 201),
  );

  const beat = {
    path: `${path}/{id}/heartbeat`,
    id: "heartbeat",
    summary: "Say that a node is there, and what its pools are; 404: it has to register",
    body: { schema: HeartbeatBody, required: true, maxBytes: MAX_BYTES },
    answers: { 200: json("It is Online", "HeartbeatReply") },
  };
  endpoint(site, { method: "post", params: one, query: none, ...beat }, (c, { params, body }) =>
    c.json(nodes.heartbeat(params.id, body.kind === "json" ? body.value : HeartbeatBody.parse({}))),
  );

  const list = {
    path,
    id: "listNodes",
    summary: "The nodes and their pools, and the pool managers of the configuration",
    answers: { 200: json("Nodes", "NodeList") },
  };
  endpoint(site, { method: "get", params: none, query: none, ...list }, (c) =>
    c.json({ nodes: nodes.list(), managers: inference.managers() }),
  );

  const remove = { path: `${path}/{id}`, id: "deleteNode", summary: "Forget a node", answers: { 204: { description: "Gone" } } };
  endpoint(site, { method: "delete", params: one, query: none, ...remove }, (c, { params }) => {
    nodes.remove(params.id);
    return c.body(null, 204);
  });
}
