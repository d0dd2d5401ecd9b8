"""One question by one client. In: the client's name; URL, KEY and MODEL in the environment. Prints the answer."""

from __future__ import annotations

import os
import sys

URL, KEY, MODEL = os.environ["URL"], os.environ["KEY"], os.environ["MODEL"]
MESSAGES = [{"role": "user", "content": "hello"}]
BEARER = {"Authorization": f"Bearer {KEY}"}


def ollama_python() -> object:
    """OLLAMA_HOST and OLLAMA_API_KEY are in the environment."""
    import ollama

    return ollama.chat(MODEL, messages=MESSAGES).message.content


def openai_sdk() -> object:
    """As its users call it, with its own retries."""
    import openai

    client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY)
    return client.chat.completions.create(model=MODEL, messages=MESSAGES).choices[0].message.content


def anthropic_sdk() -> object:
    """As its users call it, with its own retries."""
    import anthropic

    client = anthropic.Anthropic(base_url=URL, api_key=KEY)
    return client.messages.create(model=MODEL, max_tokens=50, messages=MESSAGES).content[0].text


def langchain_ollama() -> object:
    """ChatOllama, with the key in the headers of its client."""
    from langchain_ollama import ChatOllama

    return ChatOllama(model=MODEL, base_url=URL, client_kwargs={"headers": BEARER}).invoke("hello").content


def langchain_openai() -> object:
    """ChatOpenAI."""
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=MODEL, base_url=f"{URL}/v1", api_key=KEY).invoke("hello").content


def llama_index() -> object:
    """Ollama of llama-index-llms-ollama, with a client of its own."""
    import ollama
    from llama_index.llms.ollama import Ollama

    return str(Ollama(model=MODEL, client=ollama.Client(host=URL, headers=BEARER)).complete("hello"))


def litellm_ollama() -> object:
    """`ollama_chat/…`."""
    import litellm

    answer = litellm.completion(model=f"ollama_chat/{MODEL}", api_base=URL, api_key=KEY, messages=MESSAGES)
    return answer.choices[0].message.content


def litellm_openai() -> object:
    """`openai/…`."""
    import litellm

    answer = litellm.completion(model=f"openai/{MODEL}", api_base=f"{URL}/v1", api_key=KEY, messages=MESSAGES)
    return answer.choices[0].message.content


def haystack() -> object:
    """OpenAIChatGenerator."""
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.dataclasses import ChatMessage
    from haystack.utils import Secret

    generator = OpenAIChatGenerator(api_key=Secret.from_token(KEY), model=MODEL, api_base_url=f"{URL}/v1")
    return generator.run([ChatMessage.from_user("hello")])["replies"][0].text


def pydantic_ai() -> object:
    """OllamaProvider."""
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.ollama import OllamaProvider

    model = OpenAIChatModel(MODEL, provider=OllamaProvider(base_url=f"{URL}/v1", api_key=KEY))
    return Agent(model).run_sync("hello").output


def instructor() -> object:
    """from_openai: from_provider sends the placeholder `ollama` whatever key it is given."""
    import instructor
    from pydantic import BaseModel

    class Answer(BaseModel):
        """Anything: the stand-in answers no JSON, so a good key ends in a validation error of the client's."""

        text: str = ""

    import openai

    client = instructor.from_openai(openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY), mode=instructor.Mode.JSON)
    return client.chat.completions.create(model=MODEL, messages=MESSAGES, response_model=Answer, max_retries=0)


def dspy() -> object:
    """LM, by way of LiteLLM."""
    import dspy

    return dspy.LM(f"openai/{MODEL}", api_base=f"{URL}/v1", api_key=KEY, cache=False)("hello")[0]


def main() -> int:
    """Out: 0 for an answer, 1 for a refusal."""
    try:
        print(globals()[sys.argv[1]]())
    except Exception as error:  # noqa: BLE001  (what its user would see)
        print(f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
