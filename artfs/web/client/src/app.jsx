// The frame of every page: where one can go, how the page looks, and whether the server is still there.

import { Component } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useStoreState } from "./api.js";
import { Problem } from "./components/states.jsx";
import { ThemeButton } from "./components/theme-button.jsx";
import { ArtifactPage } from "./pages/artifact.jsx";
import { ArtifactsPage } from "./pages/artifacts.jsx";
import { ComparePage } from "./pages/compare.jsx";
import { HistoryPage } from "./pages/history.jsx";
import { LineagePage } from "./pages/lineage.jsx";
import { RunPage } from "./pages/run.jsx";
import { RunsPage } from "./pages/runs.jsx";
import { StorePage } from "./pages/store.jsx";
import { VersionPage } from "./pages/version.jsx";
import { href, useRoute } from "./router.js";
import { visible } from "./text.js";

/** The pages by the first part of the route: their component, their place in the navigation, how many names they take. */
const PAGES = {
  "": { Page: ArtifactsPage, tab: "", names: 0 },
  artifact: { Page: ArtifactPage, tab: "", names: 1 },
  version: { Page: VersionPage, tab: "", names: 1 },
  compare: { Page: ComparePage, tab: "", names: 2 },
  lineage: { Page: LineagePage, tab: "lineage", names: 0 },
  runs: { Page: RunsPage, tab: "runs", names: 0 },
  run: { Page: RunPage, tab: "runs", names: 1 },
  history: { Page: HistoryPage, tab: "history", names: 0 },
  store: { Page: StorePage, tab: "store", names: 0 },
};

const TABS = [["", "Artifacts"], ["lineage", "Lineage"], ["runs", "Runs"], ["history", "History"], ["store", "Store"]];

export function App() {
  const route = useRoute();
  const main = useRef();
  const known = PAGES[route.page];
  const complete = known && route.names.length === known.names;
  const subject = [route.page, ...route.names].join("/");
  const first = useRef(true);
  useEffect(() => {
    document.title = [...route.names.map(visible), TABS.find(([tab]) => tab === known?.tab)?.[1], "artfs"].filter(Boolean).join(" · ");
    // Another page begins at its top, and a screen reader there.
    if (!first.current) main.current.focus({ preventScroll: true });
    main.current.scrollTop = 0;
    first.current = false;
  }, [subject]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current.focus(); }}>Skip to the page</a>
      <header class="top">
        <a href="#/" class="logo">artfs</a>
        <nav aria-label="Pages">
          {TABS.map(([tab, title]) => (
            <a key={tab} href={href(tab)} aria-current={known?.tab === tab ? "page" : undefined}>{title}</a>
          ))}
        </nav>
        <span class="grow" />
        <span class="chip" title="This page changes nothing: it shows commands to copy">read-only</span>
        <ThemeButton />
      </header>
      <Lost />
      <main ref={main} id="main" tabIndex={-1} class={route.page || "artifacts"}>
        <Guard key={subject}>
          {complete ? <known.Page names={route.names} query={route.query} /> : <Problem error={{ status: 404, message: `there is no page #/${subject}` }} />}
        </Guard>
      </main>
    </>
  );
}

/** A line while the server does not answer: what is shown stays, and is not current. */
function Lost() {
  const { lost } = useStoreState();
  if (!lost) return null;
  return <p class="notice lost" role="alert">What is shown is not current: {visible(lost.message)}</p>;
}

/** Keeps the navigation when a page cannot be drawn. */
class Guard extends Component {
  state = { error: null };
  static getDerivedStateFromError(error) {
    return { error };
  }
  render() {
    const { error } = this.state;
    return error ? <Problem error={error} again={() => this.setState({ error: null })} /> : this.props.children;
  }
}
