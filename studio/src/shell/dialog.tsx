/** A modal dialog: the browser's own, which keeps the focus inside and closes with Escape. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Props {
  title: string;
  onclose: () => void;
  children: ComponentChildren;
  wide?: boolean;
}

export function Dialog({ title, onclose, children, wide }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click on the backdrop closes; Escape is the browser's own
    <dialog
      ref={element}
      class={wide === true ? "wide" : ""}
      aria-label={title}
      onClose={onclose}
      onClick={(event) => {
        // A click on the backdrop has the dialog itself as its target.
        if (event.target === element.current) element.current?.close();
      }}
    >
      <form method="dialog" class="dialog">
        <header>
          <h2>{title}</h2>
          <button type="submit" class="square" title="Close (Escape)">
            ✕<span class="unseen">Close</span>
          </button>
        </header>
        {children}
      </form>
    </dialog>
  );
}
