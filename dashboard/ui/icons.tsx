/** Icons as strokes; always beside words, or on a control that has a name of its own. */

const shapes = {
  upload: "M12 16V4m0 0 5 5m-5-5L7 9M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3",
  jobs: "M4 6h16M4 12h16M4 18h10",
  videos: "M4 6h11v12H4zM15 10l5-3v10l-5-3",
  workers: "M5 4h14v7H5zM5 13h14v7H5zM8.500 7.500h.01M8.500 16.500h.01",
  webhooks: "M10 7a3 3 0 1 1 4 2.800L11 15m-5-1a3 3 0 1 0 4 3h7m1 3a3 3 0 1 0-3-5l-3-5",
  presets:
    "M4 7h9m4 0h3M4 17h3m4 0h9M15 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zm-6 10a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z",
  keys: "M14.500 9.500 21 3m-3 3 2 2m-9.500 1.500a4.500 4.500 0 1 1-6 6 4.500 4.500 0 0 1 6-6z",
  plus: "M12 5v14M5 12h14",
  check: "M5 13l4 4L19 7",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  close: "M6 6l12 12M18 6 6 18",
  menu: "M4 7h16M4 12h16M4 17h16",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zm5-2 5 5",
  pause: "M8 5v14M16 5v14",
  play: "M7 5l12 7-12 7z",
  retry: "M4 12a8 8 0 1 0 2.500-5.800M4 4v4h4",
  stop: "M6 6h12v12H6z",
  trash: "M4 7h16M9 7V4h6v3m-8 0 1 13h8l1-13",
  download: "M12 4v12m0 0 5-5m-5 5-5-5M4 20h16",
  sun: "M12 17a5 5 0 1 0 0-10 5 5 0 0 0 0 10zM12 2v2m0 16v2M2 12h2m16 0h2M5 5l1.500 1.500m11 11L19 19M5 19l1.500-1.500m11-11L19 5",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z",
  system: "M4 5h16v11H4zM9 20h6m-3-4v4",
  alert: "M12 4 2.500 20h19zM12 10v4m0 3h.01",
  out: "M14 4h5v16h-5M10 8l-4 4 4 4m-4-4h9",
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={shapes[name]} />
    </svg>
  );
}
