/** What floats over the bottom of a stage; a picture that is shown whole stands above it. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { StageState } from "./stage";

export function Dock({ stage, children }: { stage: StageState; children: ComponentChildren }) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => (element.current === null ? undefined : stage.leaveRoom(element.current)), [stage]);
  return (
    <div class="dock" ref={element}>
      {children}
    </div>
  );
}
