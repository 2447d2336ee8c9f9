/** A view that fails says so in its place; the frame around it, and the edits in the browser, are not touched. */
import { Component, type ComponentChildren } from "preact";
import { problemOf } from "../server/problem";
import { Details } from "./notices_view";

interface Props {
  /** Another view is another attempt. */
  view: string;
  children: ComponentChildren;
}

export class Boundary extends Component<Props, { error: unknown; view: string }> {
  override state = { error: null as unknown, view: this.props.view };

  override componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ error, view: this.props.view });
  }

  override render() {
    const { error, view } = this.state;
    if (error === null || view !== this.props.view) return this.props.children;
    return (
      <div class="waiting">
        <div class="notice problem" role="alert">
          <div>
            <b>This view failed</b>
            <Details problem={problemOf(error)} />
            <p class="todo">Edits are kept in this browser.</p>
          </div>
        </div>
        <button type="button" onClick={() => location.reload()}>
          Load the page again
        </button>
      </div>
    );
  }
}
