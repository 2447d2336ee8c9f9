/** The pages of the data view. */
import { hashOf } from "../shell/route";

export function Tabs({ here }: { here: "grid" | "doctor" }) {
  return (
    <nav class="tabs" aria-label="Data">
      <a href={hashOf("data")} aria-current={here === "grid" ? "page" : undefined}>
        Images
      </a>
      <a href={hashOf("data", ["doctor"])} aria-current={here === "doctor" ? "page" : undefined}>
        Doctor
      </a>
    </nav>
  );
}
