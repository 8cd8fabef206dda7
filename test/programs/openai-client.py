"""The Python SDK of OpenAI, unmodified, against the URL given: one line of JSON with what it saw."""
import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="sk-not-asked-for", timeout=20)
HELLO = [{"role": "user", "content": "hello"}]
seen = {"models": [model.id for model in client.models.list()]}

whole = client.chat.completions.create(model="chain", messages=HELLO, max_tokens=3)
seen["whole"] = [whole.choices[0].message.content, whole.choices[0].finish_reason, whole.usage.completion_tokens]

text, finish, usage = "", None, None
for chunk in client.chat.completions.create(
    model="chain", messages=HELLO, max_tokens=3, stream=True, stream_options={"include_usage": True}
):
    for choice in chunk.choices:
        text += choice.delta.content or ""
        finish = choice.finish_reason or finish
    usage = chunk.usage or usage
seen["stream"] = [text, finish, usage.completion_tokens]

tool = {"type": "function", "function": {"name": "sum", "parameters": {"type": "object", "properties": {}}}}
called = client.chat.completions.create(model="chain", messages=HELLO, tools=[tool])
seen["tool"] = [called.choices[0].message.tool_calls[0].function.name, called.choices[0].finish_reason]

seen["embedding"] = len(client.embeddings.create(model="chain", input=["a", "b"]).data)
seen["completion"] = client.completions.create(model="chain", prompt="hello", max_tokens=2).choices[0].text

try:
    client.chat.completions.create(model="nope", messages=HELLO)
except openai.NotFoundError as error:
    seen["unknown"] = [error.status_code, error.code, error.param]

said, broken = "", None
try:
    cut = [{"role": "user", "content": "hello x-mock: reset=2"}]
    for chunk in client.chat.completions.create(model="chain", messages=cut, stream=True):
        said += chunk.choices[0].delta.content or ""
except openai.APIError as error:
    broken = error.code
seen["broken"] = [said, broken]
print(json.dumps(seen))
