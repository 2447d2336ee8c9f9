/**
 * A thumbnail that is asked for only when it stays on the screen for a moment, and given up when it leaves: a fast
 * scroll over thousands of images asks for those where it stops.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import * as calls from "../server/calls";

const STAYS = 50;

export function Thumb({ index, side }: { index: number; side: 160 | 256 | 320 | 512 }) {
  const box = useRef<HTMLSpanElement>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    setFailed(false);
    const image = new Image();
    image.alt = "";
    image.decoding = "async";
    image.draggable = false;
    image.onload = () => element.classList.add("there");
    image.onerror = () => setFailed(true);
    let timer = 0;
    const seen = new IntersectionObserver(
      ([entry]) => {
        clearTimeout(timer);
        if (entry?.isIntersecting !== true) return;
        timer = window.setTimeout(() => {
          seen.disconnect();
          image.src = calls.thumbnail(index, side);
          element.append(image);
        }, STAYS);
      },
      { rootMargin: "120px" },
    );
    seen.observe(element);
    return () => {
      clearTimeout(timer);
      seen.disconnect();
      image.onload = null;
      image.onerror = null;
      element.classList.remove("there");
      // Without a source, the browser ends the request.
      image.removeAttribute("src");
      image.remove();
    };
  }, [index, side]);
  return (
    <span class="thumb" ref={box}>
      {failed && <span class="broken">no picture</span>}
    </span>
  );
}
