/**
 * Files on the Hugging Face Hub by short addresses, `hf:org/repo[@revision]/path/file.gguf`: the Hub's own URI form
 * (https://huggingface.co/docs/huggingface_hub/package_reference/hf_uris), for models only; `//` after the colon may
 * be left out.
 *
 * A branch or tag is resolved to a commit once, when the file is first opened, and the commit is the source's
 * validator: whatever is read later, on another visit too, is of that version. The Hub says the commit in
 * `X-Repo-Commit` of its redirect, which a page cannot see, so its API is asked.
 */
import { hasCode, WebMoEError } from "../../api/errors.ts";
import { networkError } from "./checks.ts";
import { type HttpSourceOptions, openHttpSource } from "./http.ts";
import { createRequester } from "./request.ts";
import { bodyChunks, type Watch } from "./response.ts";
import { type Attempt, browserEnvironment } from "./retry.ts";
import type { Source, UnopenedFile } from "./source.ts";

const HUB = "https://huggingface.co";

/** What the API says of a revision with `expand=sha` is some hundred bytes. */
const MAX_ANSWER_LENGTH = 1024 * 1024;

const COMMIT = /^[0-9a-f]{40}$/;

/**
 * huggingface_hub's `validate_repo_id`: letters, digits, `-`, `_`, `.`; no `--` or `..`, none of `-` and `.` at the
 * ends, at most 96 characters.
 */
const NAME = /^(?!.*(--|\.\.))\w([\w.-]*\w)?$/;
const MAX_NAME = 96;

/** Branches, tags, commits and refs/pr/1, as git allows them and no proxy misreads. */
const REVISION = /^(?!.*\.\.)\w[\w.+-]*(\/\w[\w.+-]*)*$/;

/** Control and format characters have no place in a name that is shown. */
const UNPRINTABLE = /[\p{C}\\]/u;

export interface HubAddress {
  /** `org/name`. */
  readonly repo: string;
  /** A branch, tag, ref or commit; `main` if none is given. */
  readonly revision: string;
  readonly path: string;
}

export const isHubAddress = (text: string): boolean => /^hf:/i.test(text);

/** Errors: `invalid-argument`, with what is wrong and the form that is right. */
export function parseHubAddress(text: string): HubAddress {
  const refuse = (what: string): WebMoEError =>
    new WebMoEError(
      "invalid-argument",
      `${JSON.stringify(text)}: ${what}. An address on the Hub is hf:org/repo/file.gguf, or ` +
        "hf:org/repo@revision/file.gguf.",
    );
  const [org, repoAndRevision, ...folders] = text.replace(/^hf:(\/\/)?/i, "").split("/");
  if (!org || !repoAndRevision || folders.length === 0)
    throw refuse("it does not name a file in a repository");
  if (/[?#]/.test(text)) throw refuse("it has a query or a fragment");
  const at = repoAndRevision.indexOf("@");
  const name = at < 0 ? repoAndRevision : repoAndRevision.slice(0, at);
  const repo = `${org}/${name}`;
  for (const part of [org, name])
    if (!NAME.test(part) || repo.length > MAX_NAME)
      throw refuse(`${JSON.stringify(part)} is no name on the Hub`);
  const [revision, ...segments] = [at < 0 ? "main" : repoAndRevision.slice(at + 1), ...folders].map(
    (part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        throw refuse(`${JSON.stringify(part)} is not well encoded`);
      }
    },
  );
  if (!REVISION.test(revision!)) throw refuse(`${JSON.stringify(revision)} is no revision`);
  for (const segment of segments)
    if (
      segment === "" ||
      segment === "." ||
      segment === ".." ||
      segment.includes("/") ||
      UNPRINTABLE.test(segment)
    )
      throw refuse(`${JSON.stringify(segment)} is no name of a file or folder`);
  return { repo, revision: revision!, path: segments.join("/") };
}

const encodePath = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

/** The one spelling of an address, by which the store knows the file. */
export const hubAddress = ({ repo, revision, path }: HubAddress): string =>
  `hf:${repo}@${encodeURIComponent(revision)}/${encodePath(path)}`;

export interface HubOptions extends HttpSourceOptions {
  /** Where the Hub is. */
  readonly endpoint?: string;
  /**
   * Access token for gated and private repositories. It is sent to the Hub and nowhere else: file contents come from
   * other hosts, and fetch takes Authorization off a request that is redirected to another origin
   * (https://fetch.spec.whatwg.org/#http-redirect-fetch; Firefox 111, Safari 16.1, Chrome 119, Node 20).
   */
  readonly token?: string | undefined;
}

/** Files by address; those made by one function are of one commit wherever they name the same revision. */
export type HubFiles = (address: string) => UnopenedFile;

/** What the Hub last refused, and why, in its own word (`X-Error-Code`). */
interface Refusal {
  readonly status: number;
  readonly code: string | null;
}

const validatorOf = (commit: string): string => `commit ${commit}`;

const commitOf = (validator: string | undefined): string | undefined => {
  const commit = validator?.replace(/^commit /, "");
  return commit !== undefined && COMMIT.test(commit) ? commit : undefined;
};

/**
 * Errors: `invalid-argument` for an address or token that is none. Opening and reading throw what openHttpSource does,
 * and say what the Hub refused.
 */
export function hubFiles(options: HubOptions = {}): HubFiles {
  const { token, endpoint = HUB, ...http } = options;
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw new WebMoEError(
      "invalid-argument",
      "The access token for the Hub has characters that no token has.",
    );
  const origin = new URL(endpoint).origin;
  const send = http.fetch ?? browserEnvironment.fetch;
  const commits = new Map<string, Promise<string>>();
  let refusal: Refusal | undefined;

  /** A request that carries the token if, and only if, it goes to the Hub. */
  async function fetchFromHub(url: string, init: RequestInit): Promise<Response> {
    const toHub = new URL(url).origin === origin;
    const headers = new Headers(init.headers);
    if (toHub && token !== undefined) headers.set("authorization", `Bearer ${token}`);
    const response = await send(url, { ...init, headers, credentials: "omit" });
    const byHub = toHub && (!response.redirected || new URL(response.url).origin === origin);
    if (toHub)
      refusal =
        byHub && !response.ok
          ? { status: response.status, code: response.headers.get("x-error-code") }
          : undefined;
    return response;
  }
  const environment = { ...browserEnvironment, ...http, fetch: fetchFromHub };

  async function askCommit(repo: string, revision: string, signal: AbortSignal | undefined): Promise<string> {
    const url = `${endpoint}/api/models/${repo}/revision/${encodeURIComponent(revision)}?expand=sha`;
    const { attempt, retrying } = createRequester(url, environment);
    const answer = await retrying(signal, () =>
      attempt({}, signal, async (response, watch): Promise<Attempt<string>> => {
        const value = await readText(response, watch).catch(() => undefined);
        return value === undefined
          ? { failure: networkError(`${url}: the answer broke off, or is longer than any of the Hub.`) }
          : { value };
      }),
    );
    const sha = shaIn(answer);
    if (sha === undefined) throw networkError(`${url} does not answer as the Hub does: it names no commit.`);
    return sha;
  }

  /** The commit behind a revision, asked for once. */
  function pin({ repo, revision }: HubAddress, signal: AbortSignal | undefined): Promise<string> {
    if (COMMIT.test(revision)) return Promise.resolve(revision);
    const id = `${repo}@${revision}`;
    const asked = commits.get(id);
    if (asked) return asked;
    const asking = askCommit(repo, revision, signal);
    commits.set(id, asking);
    // A failure is not kept: the next try asks again.
    asking.catch(() => commits.delete(id));
    return asking;
  }

  /** Says of a failure what the Hub said of it. */
  async function explained<T>(address: HubAddress, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (!hasCode(error, "network") || !refusal) throw error;
      const reason = reasonOf(refusal, address, endpoint, token !== undefined);
      throw reason === undefined ? error : networkError(`${hubAddress(address)}: ${reason}`, error);
    }
  }

  async function openAt(
    address: HubAddress,
    commit: string,
    signal: AbortSignal | undefined,
  ): Promise<Source> {
    const url = `${endpoint}/${address.repo}/resolve/${commit}/${encodePath(address.path)}`;
    const source = await openHttpSource(url, { ...environment, signal });
    const name = hubAddress(address);
    return {
      ...source,
      name,
      identity: name,
      validator: validatorOf(commit),
      read: (offset, length, reading) => explained(address, source.read(offset, length, reading)),
    };
  }

  async function open(
    address: HubAddress,
    known: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Source> {
    if (known !== undefined)
      try {
        return await openAt(address, known, signal);
      } catch (error) {
        // A commit can be taken off the Hub. What the revision is now may still be the same file.
        if (refusal?.status !== 404) throw error;
      }
    return openAt(address, await pin(address, signal), signal);
  }

  /** `known` is the commit to read, whatever the revision is by now. */
  function fileAt(address: HubAddress, known?: string): UnopenedFile {
    const name = hubAddress(address);
    const folders = address.path.split("/");
    const fileName = folders.pop()!;
    return {
      name,
      identity: name,
      remote: true,
      folder: {
        fileName,
        file: (other) => fileAt({ ...address, path: [...folders, other].join("/") }, known),
      },
      open: (signal) => explained(address, open(address, known, signal)),
      version: (validator) => fileAt(address, commitOf(validator)),
    };
  }
  return (text) => fileAt(parseHubAddress(text));
}

async function readText(response: Response, watch: Watch): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of bodyChunks(response, watch)) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ANSWER_LENGTH) throw new Error("The answer is too long.");
  }
  return text + decoder.decode();
}

/** The commit in the API's answer; undefined if there is none. */
function shaIn(answer: string): string | undefined {
  try {
    const info: unknown = JSON.parse(answer);
    const sha: unknown = typeof info === "object" && info !== null ? Reflect.get(info, "sha") : undefined;
    return typeof sha === "string" && COMMIT.test(sha) ? sha : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The Hub's refusals in words. Its codes, and that a missing repository is 401 to those who are not signed in, are as
 * in huggingface_hub's `hf_raise_for_status` (src/huggingface_hub/utils/_http.py).
 */
function reasonOf(
  { status, code }: Refusal,
  { repo, revision, path }: HubAddress,
  endpoint: string,
  hasToken: boolean,
): string | undefined {
  const page = `${endpoint}/${repo}`;
  if (code === "GatedRepo")
    return (
      `the repository is gated. Accept its terms on ${page}, and give an access token of that account` +
      `${hasToken ? "; the one given is not of an account that may read it" : ""}.`
    );
  if (code === "RevisionNotFound") return `the repository has no revision ${revision}.`;
  if (code === "EntryNotFound") return `the repository has no file ${path} at revision ${revision}.`;
  if (status === 401 || status === 403)
    return hasToken
      ? `the Hub refuses the access token, or there is no such repository. Look at ${page}.`
      : `there is no such repository, or it is private and wants an access token. Look at ${page}.`;
  if (status === 404) return `there is no such repository or file. Look at ${page}.`;
  return undefined;
}
