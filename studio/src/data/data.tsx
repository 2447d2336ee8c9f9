/** The data view: the grid with its filters, one image, or the doctor's page. */
import { useMemo, useState } from "preact/hooks";
import { route } from "../shell/route";
import { Doctor } from "./doctor";
import { fromQuery, toQuery } from "./filter";
import { Filters } from "./filters";
import { Grid } from "./grid";
import { ImageView } from "./image_view";
import { Tabs } from "./tabs";

export function Data() {
  const { rest, query } = route.value;
  const filter = useMemo(() => fromQuery(query), [query.toString()]);
  const [open, setOpen] = useState(false);
  if (rest[0] === "doctor") return <Doctor />;
  const index = Number(rest[0] ?? Number.NaN);
  if (Number.isInteger(index) && index >= 0) return <ImageView index={index} query={toQuery(filter)} />;
  return (
    <>
      <Tabs here="grid" />
      <Filters filter={filter} open={open} onopen={() => setOpen(!open)} />
      <Grid query={toQuery(filter)} />
    </>
  );
}
