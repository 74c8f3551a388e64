// Our icons: 16 px grid, stroke 1.5, round caps, currentColor.

const paths = {
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.5 10.5L14 14",
  pin: "M5 2h6M6 2v5L4 9.5h8L10 7V2M8 9.5V14",
  live: "M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6zM4.2 4.2a5.4 5.4 0 0 0 0 7.6M11.8 4.2a5.4 5.4 0 0 1 0 7.6",
  link: "M6.5 9.5l3-3M7 4.5l1.5-1.5a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5l-1.5 1.5a3 3 0 0 1-4.5-4.5L4.5 7",
  copy: "M6 5.5h7.5v8H6zM10.5 5.5v-3h-8v8H6",
  open: "M9 2h5v5M14 2L7 9M12 9v5H2V4h5",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  check: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM5.3 8.2l1.9 1.9 3.6-4",
  dot: "M8 6.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3z",
  skip: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM5 8h6",
  cross: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6",
  warn: "M8 2l6.5 11.5h-13zM8 6.5V10M8 11.8v.2",
  stop: "M4 4h8v8H4z",
  run: "M4.5 3l8 5-8 5z",
  edit: "M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3zM9 4.7L11.3 7",
  format: "M2.5 4h11M5 8h8.5M2.5 12h8",
  history: "M2.5 8a5.5 5.5 0 1 0 2-4.2M2.5 2.5v3h3M8 5v3l2.2 1.5",
  star: "M8 2l1.8 3.9 4.2.5-3.1 2.9.8 4.2L8 11.4l-3.7 2.1.8-4.2L2 6.4l4.2-.5z",
  download: "M8 2v8.5M4.5 7L8 10.5 11.5 7M2.5 13.5h11",
  table: "M2 3h12v10H2zM2 6.5h12M7 3v10",
  json: "M6 2.5H4.5v4L3 8l1.5 1.5v4H6M10 2.5h1.5v4L13 8l-1.5 1.5v4H10",
  plan: "M8 2v4M3.5 10V7.5h9V10M8 6v1.5M2 10h3v3.5H2zM11 10h3v3.5h-3zM6.5 2h3",
  entity: "M2 8a6 6 0 0 1 6-6h0a6 6 0 0 1 6 6v0a6 6 0 0 1-6 6h0a6 6 0 0 1-6-6zM8 7v3.5M8 5v.2",
  property: "M2 8h9M8 4.5L11.5 8 8 11.5M14 4v8",
  class: "M8 2l6 3v6l-6 3-6-3V5z",
  quote: "M3 4h10M3 8h7M3 12h10",
  snapshot: "M2.5 5h3l1-2h3l1 2h3v8h-11zM8 6.7a2.3 2.3 0 1 0 0 4.6 2.3 2.3 0 0 0 0-4.6z",
  gear: "M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M12.6 3.4l-1.4 1.4M4.8 11.2l-1.4 1.4",
  help: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM6.2 6.3a1.8 1.8 0 1 1 2.6 1.6c-.6.3-.8.6-.8 1.3M8 11.3v.2",
  up: "M5 14V7l3-5c1.5 0 1.7 1.2 1.2 4H13l-1 8zM5 7H2v7h3",
  down: "M5 2v7l3 5c1.5 0 1.7-1.2 1.2-4H13l-1-8zM5 9H2V2h3",
  chevron: "M6 3.5L10.5 8 6 12.5",
  clock: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.8V8l2.2 1.5",
} as const;

export type IconName = keyof typeof paths;

/** Icon is decoration: the control around it carries the name. */
export function Icon({ name, class: extra = "" }: { name: IconName; class?: string }) {
  return (
    <svg class={"i " + extra} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

export function Mark() {
  return (
    <svg class="mark-q" viewBox="0 0 22 22" aria-hidden="true" focusable="false">
      <circle cx="10" cy="10" r="7.5" />
      <circle class="pupil" cx="10" cy="10" r="2.2" />
      <path d="M13 13l7 7" />
    </svg>
  );
}
