/**
 * What a model writes, as Markdown, and as nothing else: HTML in it is shown as text, and links and images are words
 * with their address, so that an answer can neither fetch nor lead anywhere. DOMPurify then lets only these elements
 * through, whatever the parser made. Loaded when the first answer needs it.
 */
import DOMPurify from "dompurify";
import { Marked, type Tokens } from "marked";

const TAGS =
  "p br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong del table thead tbody tr th td".split(
    " ",
  );
const ATTRIBUTES = ["start", "align"];
/** Above this an answer is shown as it was written. */
const LONGEST = 100_000;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const withAddress = (words: string, address: string): string =>
  words === escaped(address) ? words : `${words} (${escaped(address)})`;

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }: Tokens.HTML | Tokens.Tag) => escaped(text),
    link({ href, tokens }: Tokens.Link) {
      return withAddress(this.parser.parseInline(tokens), href);
    },
    image: ({ href, text }: Tokens.Image) => withAddress(escaped(text), href),
    checkbox: ({ checked }: Tokens.Checkbox) => (checked ? "☑ " : "☐ "),
  },
});

/** Markdown as elements that are safe to show. */
export function renderMarkdown(text: string): DocumentFragment {
  if (text.length > LONGEST) {
    const plain = document.createDocumentFragment();
    const paragraph = document.createElement("p");
    paragraph.className = "as-written";
    paragraph.textContent = text;
    plain.append(paragraph);
    return plain;
  }
  return DOMPurify.sanitize(marked.parse(text, { async: false }), {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}
