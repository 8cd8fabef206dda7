// Asks the API now and then, and says so.
const url = process.env.API_URL ?? "http://127.0.0.1:3000";
const ask = async () => {
  const answer = await fetch(url).then((response) => response.text());
  console.log(`worked on ${answer.trim()}`);
};
await ask();
console.log("worker ready");
const timer = setInterval(() => void ask().catch((error) => console.error(String(error))), 1000);
process.on("SIGTERM", () => clearInterval(timer));
