/** `restate-service.mjs <path of the SDK> <port>`: three durable steps, and nothing at all. Prints a line when it listens. */
const [sdk, port] = process.argv.slice(2);
// The SDK needs it, and node 20 has it not.
Promise.withResolvers ??= () => {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
};
const restate = await import(sdk);

const count = { n: 0 };
const next = () => ({ n: ++count.n });
const three = async (ctx) => {
  for (const step of ["a", "b", "c"]) await ctx.run(step, next);
  return { ok: true };
};
const bench = restate.service({ name: "bench", handlers: { three, nothing: async () => ({ ok: true }) } });
await restate.serve({ services: [bench], port: Number(port) });
console.log(port);
