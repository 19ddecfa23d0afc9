/** Hands a file to the person. */
export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The download reads the Blob after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Letters and digits of any script, and dashes between them: a name that every file system takes. */
export const fileName = (title: string): string =>
  title.replaceAll(/[^\p{L}\p{N}]+/gu, "-").replaceAll(/^-|-$/g, "") || "untitled";
