/** What of the set is shown, as it stands in the page's address and in the server's. */
export interface Filter {
  set: string;
  category: string;
  mask: "any" | "with" | "without";
  text: string;
  minSide: string;
  maxSide: string;
  finding: string;
  minIou: string;
  maxIou: string;
  order: "name" | "doubt";
}

export const ALL: Filter = {
  set: "",
  category: "",
  mask: "any",
  text: "",
  minSide: "",
  maxSide: "",
  finding: "",
  minIou: "",
  maxIou: "",
  order: "name",
};

/** The names of the filter's parts in addresses. */
const NAMES: Record<keyof Filter, string> = {
  set: "set",
  category: "category",
  mask: "mask",
  text: "text",
  minSide: "min_side",
  maxSide: "max_side",
  finding: "finding",
  minIou: "min_iou",
  maxIou: "max_iou",
  order: "order",
};

const PARTS = Object.keys(NAMES) as (keyof Filter)[];

/** The filter as a query, without what is as usual. */
export function toQuery(filter: Filter): string {
  const query = new URLSearchParams();
  for (const part of PARTS) {
    if (filter[part] !== ALL[part] && filter[part] !== "") query.set(NAMES[part], filter[part]);
  }
  return query.toString();
}

export function fromQuery(query: URLSearchParams): Filter {
  const filter = { ...ALL };
  for (const part of PARTS) {
    const value = query.get(NAMES[part]);
    if (value === null) continue;
    if (part === "mask") filter.mask = value === "with" || value === "without" ? value : "any";
    else if (part === "order") filter.order = value === "doubt" ? "doubt" : "name";
    else filter[part] = value;
  }
  return filter;
}

/** How many parts are not as usual; the order is none of them. */
export function active(filter: Filter): number {
  return PARTS.filter((part) => part !== "order" && filter[part] !== ALL[part]).length;
}
