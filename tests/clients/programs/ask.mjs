// One question by one client. In: the client's name; URL, KEY and MODEL in the environment. Prints the answer.
const { URL: url, KEY: key, MODEL: model } = process.env;
const messages = [{ role: "user", content: "hello" }];

const clients = {
  async "ollama-js"() {
    const { Ollama } = await import("ollama");
    const client = new Ollama({ host: url, headers: { Authorization: `Bearer ${key}` } });
    return (await client.chat({ model, messages })).message.content;
  },
  async "ai-sdk-openai-compatible"() {
    const { generateText } = await import("ai");
    const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
    const provider = createOpenAICompatible({ name: "gate", baseURL: `${url}/v1`, apiKey: key });
    return (await generateText({ model: provider(model), prompt: "hello" })).text;
  },
  async "ai-sdk-ollama"() {
    const { generateText } = await import("ai");
    const { createOllama } = await import("ollama-ai-provider-v2");
    const provider = createOllama({ baseURL: `${url}/api`, headers: { Authorization: `Bearer ${key}` } });
    return (await generateText({ model: provider(model), prompt: "hello" })).text;
  },
};

try {
  console.log(await clients[process.argv[2]]());
} catch (error) {
  console.log(`${error.name}: ${error.message}`);
  process.exitCode = 1;
}
