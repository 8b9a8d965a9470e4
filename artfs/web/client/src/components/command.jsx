// A command to copy: this page changes nothing, a terminal does.

import { useEffect, useRef, useState } from "preact/hooks";

export function Command({ text, label }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);
  const code = useRef();
  const copy = async () => {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } else getSelection().selectAllChildren(code.current); // browsers give no clipboard to a page of http elsewhere
  };
  return (
    <span class="command">
      <code ref={code}>{text}</code>
      <button type="button" onClick={copy} aria-label={`Copy ${label ?? text}`}>{copied ? "Copied" : "Copy"}</button>
    </span>
  );
}

/** A word as a shell takes it. */
export const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
