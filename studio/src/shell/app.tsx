/** The frame of all views. */
import { useEffect } from "preact/hooks";
import { Annotate } from "../annotate/annotate";
import { Data } from "../data/data";
import { Results } from "../results/results";
import { state } from "../server/events";
import { Train } from "../train/train";
import { Boundary } from "./boundary";
import { Footer } from "./footer";
import { Header } from "./header";
import { bind, helpShown } from "./keys";
import { KeysHelp } from "./keys_help";
import { Nav } from "./nav";
import { Lost, Notices } from "./notices_view";
import { go, hashOf, route, VIEWS } from "./route";

export function App() {
  useEffect(
    () =>
      bind([
        {
          keys: ["?"],
          what: "this list",
          group: "Views",
          run: () => {
            helpShown.value = true;
          },
        },
        ...VIEWS.map((view) => ({
          keys: [`Shift+${view[0]}`],
          what: view,
          group: "Views",
          run: () => go(hashOf(view)),
        })),
      ]),
    [],
  );
  const { view } = route.value;
  return (
    <div class="app">
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        To the content
      </button>
      <Header />
      <Nav />
      <Lost />
      <main id="main" tabIndex={-1} class={`view-${view}`}>
        {state.value === null ? (
          <p class="waiting">Connecting to the studio…</p>
        ) : (
          <Boundary view={view}>
            <Shown />
          </Boundary>
        )}
      </main>
      <Footer />
      <Notices />
      <KeysHelp />
    </div>
  );
}

function Shown() {
  switch (route.value.view) {
    case "data":
      return <Data />;
    case "annotate":
      return <Annotate />;
    case "train":
      return <Train />;
    case "results":
      return <Results />;
  }
}
