// OpenAI's own SDK, asked to talk to orco: nothing but the address differs. `npm install openai` where it is not there yet.
import OpenAI from "openai";

const orco = process.env.ORCO ?? "http://127.0.0.1:7070";
const client = new OpenAI({ baseURL: `${orco}/v1`, apiKey: process.env.ORCHESTRATOR_API_KEY ?? "none" });

const stream = await client.chat.completions.create({
  model: "chain",
  messages: [{ role: "user", content: "hello" }],
  temperature: 0,
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? "");
process.stdout.write("\n");
