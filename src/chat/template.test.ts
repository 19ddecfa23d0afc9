import { describe, expect, it } from "vitest";
import type { Message, Role } from "../api/messages.ts";
import { compileTemplate } from "./template.ts";

const say = (role: Role, content: string): Message => ({ role, content });
const BASE: readonly Message[] = [say("user", "Hi"), say("assistant", "Hello."), say("user", "Bye")];
const WITH_SYSTEM: readonly Message[] = [say("system", "Be kind."), ...BASE];

const render = (source: string, messages: readonly Message[], addGenerationPrompt = true): string =>
  compileTemplate(source).render({ messages, bosToken: "<s>", eosToken: "</s>", addGenerationPrompt });

/**
 * What published templates are made of, each in the least template that needs it; the expected text is what the
 * format's documentation shows.
 */
const FORMATS: readonly {
  readonly name: string;
  readonly template: string;
  readonly messages: readonly Message[];
  readonly text: string;
}[] = [
  {
    name: "ChatML: a loop, concatenation, and the generation prompt",
    template: `{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
    messages: WITH_SYSTEM,
    text: "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
  },
  {
    name: "Llama 2: the system message folded into the first turn, slices, loop.index0, strip()",
    template: `{% if messages[0]['role'] == 'system' %}{% set turns = messages[1:] %}{% set system = messages[0]['content'] %}{% else %}{% set turns = messages %}{% set system = false %}{% endif %}{% for m in turns %}{% if loop.index0 == 0 and system != false %}{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + m['content'] %}{% else %}{% set content = m['content'] %}{% endif %}{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}`,
    messages: [say("system", "Be kind."), say("user", " Hi "), ...BASE.slice(1)],
    text: "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\n Hi [/INST] Hello. </s><s>[INST] Bye [/INST]",
  },
  {
    name: "Llama 3.x: header tokens, trim, loop.first, a date that falls back without a clock",
    template: `{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}`,
    messages: [say("system", "Be kind. "), say("user", "Hi\n")],
    text: "<s><|start_header_id|>system<|end_header_id|>\n\nToday Date: 26 Jul 2024\n\nBe kind.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
  },
  {
    name: "Mistral and Mixtral: BOS once, EOS after each answer, turns that must alternate",
    template: `{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}`,
    messages: BASE,
    text: "<s>[INST] Hi [/INST]Hello.</s>[INST] Bye [/INST]",
  },
  {
    name: "Zephyr: block lines that trim_blocks takes away, loop.last",
    template: `{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}`,
    messages: [say("system", "Be kind."), say("user", "Hi")],
    text: "<|system|>\nBe kind.</s>\n<|user|>\nHi</s>\n<|assistant|>\n",
  },
  {
    name: "Gemma: the assistant is called model, an inline if, trim of a content",
    template: `{{ bos_token }}{% for message in messages %}{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}`,
    messages: BASE,
    text: "<s><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n",
  },
  {
    name: "Phi-3: one token a role, eos when no answer is asked for",
    template: `{% for message in messages %}{{'<|' + message['role'] + '|>' + '\\n' + message['content'] + '<|end|>\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}`,
    messages: WITH_SYSTEM,
    text: "<|system|>\nBe kind.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nHello.<|end|>\n<|user|>\nBye<|end|>\n<|assistant|>\n",
  },
  {
    name: "Qwen2.5: a system message of its own where none is given, tool results gathered into a user turn",
    template: `{%- if tools %}
    {{- 'TOOLS' }}
{%- elif messages[0]['role'] == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
{%- else %}
    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}`,
    messages: [say("user", "Hi"), say("assistant", "look()"), say("tool", "1"), say("tool", "2")],
    text: "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nlook()<|im_end|>\n<|im_start|>user\n<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response><|im_end|>\n<|im_start|>assistant\n",
  },
  {
    name: "Qwen3: a reversed loop, a namespace, the thinking of earlier answers left out by split and lstrip",
    template: `{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content %}
    {%- if message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {{- '<|im_start|>assistant\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') + '<|im_end|>\\n' }}
        {%- else %}
            {{- '<|im_start|>assistant\\n' + content + '<|im_end|>\\n' }}
        {%- endif %}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}`,
    messages: [say("user", "Hi"), say("assistant", "<think>\nhm\n</think>\n\nHello."), say("user", "Bye")],
    text: "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
  },
  {
    name: "OLMoE and Tulu: BOS first, EOS and a line after every answer but the last",
    template: `{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ '<|system|>\\n' + message['content'] + '\\n' }}{% elif message['role'] == 'user' %}{{ '<|user|>\\n' + message['content'] + '\\n' }}{% elif message['role'] == 'assistant' %}{% if not loop.last %}{{ '<|assistant|>\\n' + message['content'] + eos_token + '\\n' }}{% else %}{{ '<|assistant|>\\n' + message['content'] + eos_token }}{% endif %}{% endif %}{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}{% endfor %}`,
    messages: WITH_SYSTEM,
    text: "<s><|system|>\nBe kind.\n<|user|>\nHi\n<|assistant|>\nHello.</s>\n<|user|>\nBye\n<|assistant|>\n",
  },
  {
    name: "Granite: roles between tokens, a block set, a dictionary looked up by role",
    template: `{%- set names = {'user': 'user', 'assistant': 'assistant', 'system': 'system', 'tool': 'tool_response'} %}
{%- for message in messages %}
    {%- set line %}{{ '<|start_of_role|>' + names[message['role']] + '<|end_of_role|>' + message['content'] }}{%- endset %}
    {{- line + '<|end_of_text|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_of_role|>assistant<|end_of_role|>' }}
{%- endif %}`,
    messages: [say("system", "Be kind."), say("user", "Hi"), say("tool", "1")],
    text: "<|start_of_role|>system<|end_of_role|>Be kind.<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Hi<|end_of_text|>\n<|start_of_role|>tool_response<|end_of_role|>1<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
  },
  {
    name: "DeepSeek: full-width bars, system messages collected by a namespace, no line ends",
    template: `{% set ns = namespace(system_prompt='', is_first_sp=true) %}{%- for message in messages %}{%- if message['role'] == 'system' %}{%- if ns.is_first_sp %}{% set ns.system_prompt = ns.system_prompt + message['content'] %}{% set ns.is_first_sp = false %}{%- else %}{% set ns.system_prompt = ns.system_prompt + '\\n\\n' + message['content'] %}{%- endif %}{%- endif %}{%- endfor %}{{ bos_token }}{{ ns.system_prompt }}{%- for message in messages %}{%- if message['role'] == 'user' %}{{'<｜User｜>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] is not none %}{{'<｜Assistant｜>' + message['content'] + '<｜end▁of▁sentence｜>'}}{%- endif %}{%- endfor -%}{% if add_generation_prompt %}{{'<｜Assistant｜>'}}{% endif %}`,
    messages: [say("system", "Be kind."), say("system", "Be brief."), ...BASE],
    text: "<s>Be kind.\n\nBe brief.<｜User｜>Hi<｜Assistant｜>Hello.<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜>",
  },
  {
    name: "Command: a macro, select by attribute through a filter with arguments, default()",
    template: `{%- macro turn(kind, text) -%}<|START_OF_TURN_TOKEN|><|{{ kind | upper }}_TOKEN|>{{ text | default('') }}<|END_OF_TURN_TOKEN|>{%- endmacro -%}
{{- bos_token -}}
{%- set system = messages | selectattr('role', 'equalto', 'system') | list -%}
{%- if system | length > 0 %}{{ turn('system', system[0].content) }}{% endif -%}
{%- for message in messages if message.role != 'system' -%}
{{- turn('chatbot' if message.role == 'assistant' else 'user', message.content) -}}
{%- endfor -%}
{%- if add_generation_prompt -%}<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{%- endif -%}`,
    messages: [say("system", "Be kind."), say("user", "Hi"), say("assistant", "Hello.")],
    text: "<s><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Be kind.<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Hi<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>Hello.<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
  },
  {
    name: "Vicuna and Alpaca: words instead of tokens, a join of pieces, capitalize",
    template: `{%- set pieces = [] -%}{%- for message in messages -%}{{ (message.role | capitalize) + ': ' + message.content + ('\\n' if message.role == 'user' else eos_token + '\\n') }}{%- endfor -%}{%- if add_generation_prompt -%}{{ ['Assistant', ':'] | join }}{%- endif -%}`,
    messages: BASE,
    text: "User: Hi\nAssistant: Hello.</s>\nUser: Bye\nAssistant:",
  },
];

describe("chat templates", () => {
  for (const { name, template, messages, text } of FORMATS) {
    it(`renders ${name}`, () => expect(render(template, messages)).toBe(text));
  }

  it("ends where the last message ends if no answer is asked for", () => {
    expect(render(FORMATS[0]!.template, [say("user", "Hi")], false)).toBe("<|im_start|>user\nHi<|im_end|>\n");
  });

  it("passes on what a template says when it refuses messages", () => {
    const mixtral = FORMATS[3]!.template;
    expect(() => render(mixtral, WITH_SYSTEM)).toThrow(
      expect.objectContaining({
        code: "invalid-argument",
        message: expect.stringContaining("Conversation roles must alternate"),
      }),
    );
  });

  const hostile: Readonly<Record<string, string>> = {
    "is no Jinja": "{% for message in %}",
    "calls what is not there": "{{ messages.pop()() }}",
    "loops inside loops":
      "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}",
    "asks for a range without end": "{% for a in range(10 ** 300) %}{% endfor %}",
    "doubles a text": `{% set ns = namespace(s='xx') %}{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}`,
    "doubles a list": `{% set ns = namespace(s=[1]) %}{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}`,
    "works on a long text again and again": `{% set ns = namespace(s='xx') %}{% for a in range(20) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{% for a in range(9999) %}{% set ns.t = ns.s | upper %}{% endfor %}`,
    "calls itself": "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
    "is nested too deeply": `${"(".repeat(50_000)}`.replace(/^/, "{{ ").concat(" }}"),
  };
  for (const [name, template] of Object.entries(hostile)) {
    it(`ends a template that ${name} with a typed error, soon`, () => {
      const began = performance.now();
      expect(() => render(template, BASE)).toThrow(expect.objectContaining({ code: "bad-gguf" }));
      expect(performance.now() - began).toBeLessThan(10_000);
    });
  }
});
