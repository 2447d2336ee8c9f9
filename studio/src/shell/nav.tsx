/** The four views. */
import { Icon } from "./icons";
import { hashOf, route, type View } from "./route";

const ENTRIES: readonly [View, string][] = [
  ["data", "Data"],
  ["annotate", "Annotate"],
  ["train", "Train"],
  ["results", "Results"],
];

export function Nav() {
  return (
    <nav class="views" aria-label="Views">
      {ENTRIES.map(([view, name]) => (
        <a key={view} href={hashOf(view)} aria-current={route.value.view === view ? "page" : undefined}>
          <Icon name={view} />
          {name}
        </a>
      ))}
    </nav>
  );
}
