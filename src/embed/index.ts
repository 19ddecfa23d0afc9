/** The script-tag face: the library in one file that works from another origin, and `<webmoe-chat>`. */
import { defineChatElement } from "./chat-element.ts";
import { load } from "./load.ts";

export * from "../api/index.ts";
export type { ChatEvents, WebMoEChatElement } from "./chat-element.ts";
export type { EmbedLoadOptions } from "./load.ts";

export const WebMoE = { load };

defineChatElement();
