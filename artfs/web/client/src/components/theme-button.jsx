// Light, dark, or as the system is.

import { useState } from "preact/hooks";

const KEY = "artfs-theme";
const NEXT = { system: "light", light: "dark", dark: "system" };
const SIGNS = { system: "◐", light: "☀", dark: "☾" };

const kept = () => (localStorage.getItem(KEY) in NEXT ? localStorage.getItem(KEY) : "system");

function apply(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

apply(kept());

export function ThemeButton() {
  const [theme, setTheme] = useState(kept);
  const next = NEXT[theme];
  const change = () => {
    localStorage.setItem(KEY, next);
    apply(next);
    setTheme(next);
  };
  return (
    <button type="button" class="plain" title={`Colours: ${theme}`} aria-label={`Colours: ${theme}. Change to ${next}`} onClick={change}>
      {SIGNS[theme]}
    </button>
  );
}
