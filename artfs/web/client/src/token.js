// The token that `artfs ui` printed in its URL. It is wiped from the address at once, and kept by this tab. Another tab of
// the page asks the tabs that have it; a channel reaches pages of this origin alone, and an artifact's HTML is of none.

const KEY = "artfs-token";
const ASK_MS = 300;
const channel = new BroadcastChannel("artfs");

channel.onmessage = ({ data }) => {
  const token = sessionStorage.getItem(KEY);
  if (data === "token?" && token) channel.postMessage({ token });
};

export const token = () => sessionStorage.getItem(KEY) ?? "";

/** Take the token from the address, or from another tab. Resolves when it is there, or is nowhere. */
export function takeToken() {
  const [, given, rest] = location.hash.match(/^#token=([^&/]*)[&/]?(.*)$/) ?? [];
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", `${location.pathname}${location.search}#/${rest}`);
  }
  if (token()) return Promise.resolve();
  return new Promise((resolve) => {
    const answered = ({ data }) => {
      if (!data.token) return;
      sessionStorage.setItem(KEY, data.token);
      done();
    };
    const done = () => {
      clearTimeout(timer);
      channel.removeEventListener("message", answered);
      resolve();
    };
    const timer = setTimeout(done, ASK_MS);
    channel.addEventListener("message", answered);
    channel.postMessage("token?");
  });
}
