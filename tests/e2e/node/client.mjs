// Does with Ollama's JavaScript client what a program would do, and prints one JSON for each step:
// what came back, or the error as the client shows it. The key comes by the environment.
import { Ollama } from "ollama";

const { GATE_URL: host, GATE_KEY: key, GATE_HEADER: header = "Authorization" } = process.env;
const value = header === "Authorization" ? `Bearer ${key}` : key;
const client = new Ollama({ host, headers: key ? { [header]: value } : {} });
const messages = [{ role: "user", content: "hello" }];

const steps = {
  async list() {
    return (await client.list()).models.map((model) => model.name);
  },
  async show() {
    return Object.keys(await client.show({ model: "llama3.2" }));
  },
  async chat() {
    return (await client.chat({ model: "llama3.2", messages })).message.content;
  },
  async stream() {
    const parts = [];
    for await (const part of await client.chat({ model: "llama3.2", messages, stream: true })) {
      parts.push(part.message.content);
    }
    return parts;
  },
  async embed() {
    return (await client.embed({ model: "llama3.2", input: "hello" })).embeddings.length;
  },
  async abort() {
    const stream = await client.chat({ model: "llama3.2", messages, stream: true });
    for await (const part of stream) {
      stream.abort();
      return part.message.content;
    }
  },
  async pull() {
    return (await client.pull({ model: "llama3.2" })).status;
  },
};

for (const name of process.argv.slice(2)) {
  const seen = { step: name };
  try {
    seen.result = await steps[name]();
  } catch (error) {
    seen.error = { name: error.name, status: error.status_code, message: error.message };
  }
  console.log(JSON.stringify(seen));
}
