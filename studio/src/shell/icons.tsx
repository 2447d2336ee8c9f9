/** Icons, drawn here: strokes of 1.6 on 20 x 20. */
const PATHS = {
  data: "M3 4h6v5H3zM11 4h6v5h-6zM3 11h6v5H3zM11 11h6v5h-6z",
  annotate: "M4 16l1-4 8-8 3 3-8 8zM11.5 5.5l3 3",
  train: "M3 15l4-5 3 3 6-8M12 5h4v4",
  results: "M4 16V9M10 16V4M16 16v-5",
  click: "M5 3l10 6-4.5 1.3L8 15z",
  box: "M4 4h12v12H4z",
  lasso: "M10 4c4 0 7 1.8 7 4.5S14 13 10 13 3 11.2 3 8.5 6 4 10 4zM6 12.5c-1 1.5-.5 4 1.5 4",
  brush: "M16 3l-7 7M9 10c-2.2-.6-4 .8-4 3 0 1.3-.6 2.4-2 3 3.200 1 7.500.6 8-3 .1-1.300-.8-2.600-2-3z",
  eraser: "M8 16h8M4 12l7-8 5 4.500L9.500 16H7z",
  polygon: "M10 3l7 5-3 8H6L3 8z",
  hand: "M10 3v14M3 10h14M10 3L8 5M10 3l2 2M10 17l-2-2M10 17l2-2M3 10l2-2M3 10l2 2M17 10l-2-2M17 10l-2 2",
  everything: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4M8 8h4v4H8z",
  undo: "M7 5L3.500 8.500 7 12M4 8.500h7a4.500 4.500 0 010 9H8",
  redo: "M13 5l3.500 3.500L13 12M16 8.500H9a4.500 4.500 0 000 9h3",
  eye: "M2 10c2-3.500 5-5 8-5s6 1.500 8 5c-2 3.500-5 5-8 5s-6-1.500-8-5zM10 8a2 2 0 100 4 2 2 0 000-4z",
  hidden:
    "M3 3l14 14M5 6.500C3.800 7.400 2.800 8.600 2 10c2 3.500 5 5 8 5 1.400 0 2.800-.3 4-1M9 5c4-.4 7 1.500 9 5-.5.900-1 1.600-1.700 2.300",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.600L14 6",
  close: "M5 5l10 10M15 5L5 15",
  left: "M12 4l-6 6 6 6",
  right: "M8 4l6 6-6 6",
  sun: "M10 6.500a3.500 3.500 0 100 7 3.500 3.500 0 000-7zM10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M4.300 15.700l1.100-1.100M14.600 5.400l1.100-1.100",
  moon: "M16 12.500A7 7 0 017.500 4 6.500 6.500 0 1016 12.500z",
  system: "M3 4h14v9H3zM7 17h6M10 13v4",
  keys: "M2 6h16v9H2zM5 9h1M8 9h1M11 9h1M14 9h1M6 12h8",
  filter: "M3 5h14l-5.500 6v5l-3-1.500V11z",
  plus: "M10 4v12M4 10h12",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
