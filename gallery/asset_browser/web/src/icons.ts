// Line icons of 16 x 16, drawn for this panel.

const PATHS = {
  search: '<circle cx="7" cy="7" r="4.2"/><path d="m10.2 10.2 3.3 3.3"/>',
  mesh: '<path d="M8 1.8 13.6 5v6L8 14.2 2.4 11V5z"/><path d="M2.4 5 8 8.2 13.6 5M8 8.2v6"/>',
  image: '<rect x="2" y="3" width="12" height="10" rx="1.4"/><circle cx="5.6" cy="6.4" r="1.1"/><path d="m2.6 12 3.6-3.4 2.2 2 2.6-2.8 2.8 3"/>',
  folder: '<path d="M1.8 4.2a1 1 0 0 1 1-1h3.1l1.5 1.7h5.8a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H2.8a1 1 0 0 1-1-1z"/>',
  close: '<path d="m4.2 4.2 7.6 7.6m0-7.6-7.6 7.6"/>',
  rescan: '<path d="M13.2 8A5.2 5.2 0 1 1 11.5 4.2M13.3 1.8v3h-3"/>',
  rotate: '<path d="M2 8c0-1.7 2.7-3 6-3s6 1.3 6 3-2.7 3-6 3"/><path d="m9.8 8.9-2 2.1 2 2.1"/>',
  wire: '<rect x="2.4" y="2.4" width="11.2" height="11.2" rx=".6"/><path d="M2.4 8h11.2M8 2.4v11.2M2.4 13.6 13.6 2.4"/>',
  frame: '<path d="M2.2 5.4V2.2h3.2M10.6 2.2h3.2v3.2M13.8 10.6v3.2h-3.2M5.4 13.8H2.2v-3.2"/><circle cx="8" cy="8" r="1.8"/>',
  freeze: '<path d="M8 1.6v12.8M2.5 4.8l11 6.4M13.5 4.8l-11 6.4M6.3 2.7 8 4.2l1.7-1.5M6.3 13.3 8 11.8l1.7 1.5"/>',
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): string {
  return `<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${PATHS[name]}</svg>`;
}
