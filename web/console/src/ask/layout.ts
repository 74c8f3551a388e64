// Layered layout of the proof path: left to right, deterministic, no iteration
// that depends on time or chance. Layers are distances from the anchors (the
// things the question names), so that the drawing reads as the answer was found.

import type { Kind, Path, PathEdge, PathNode, Statement, Term } from "../core/types.ts";
import { key } from "./run.ts";

export interface PlacedNode {
  id: string;
  /** nodes that share this place because their edges are the same */
  members: PathNode[];
  label: string;
  sub: string;
  kind: string;
  layer: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PlacedEdge {
  ids: string[];
  from: string;
  to: string;
  label: string;
  statements: string[];
  kind: Kind;
  d: string;
  labelX: number;
  labelY: number;
  showLabel: boolean;
}

export interface Layout {
  nodes: PlacedNode[];
  edges: PlacedEdge[];
  width: number;
  height: number;
  hidden: number;
}

export const maxEdges = 40;
const nodeHeight = 40;
const rowGap = 14;
const margin = 12;

/** fromStatements is the path when the server sent statements only. */
export function fromStatements(statements: Statement[]): Path {
  const nodes = new Map<string, PathNode>();
  const add = (term: Term) => {
    const id = key(term);
    if (!nodes.has(id)) nodes.set(id, { id, term, label: label(term), kind: term.type === "uri" || term.type === "bnode" ? "entity" : "literal" });
    return id;
  };
  const edges = statements.map((s) => ({
    id: "edge-" + s.id,
    from: add(s.s),
    to: add(s.o),
    label: label(s.p),
    statement: s.id,
    kind: s.kind ?? "stated",
  }));
  return { nodes: [...nodes.values()], edges };
}

function label(term: Term): string {
  if (term.type === "triple") return "<< >>";
  return term.label ?? term.curie ?? (term.type === "uri" ? term.value.replace(/^.*[/#:](?=.)/, "") : term.value);
}

/** layout places a path; anchors are the IRIs that the question's mentions chose. */
export function layout(path: Path, anchors: string[], width = 496, unfolded: ReadonlySet<string> = new Set()): Layout {
  const kept = path.edges.slice(0, maxEdges);
  const hidden = path.edges.length - kept.length;
  const used = new Set(kept.flatMap((e) => [e.from, e.to]));
  const nodes = path.nodes.filter((n) => used.has(n.id) || path.edges.length === 0);
  const known = new Set(nodes.map((n) => n.id));
  const edges = kept.filter((e) => known.has(e.from) && known.has(e.to));
  const layerOf = layers(nodes, edges, anchors);
  const groups = fold(nodes, edges, layerOf, unfolded);
  const groupOf = new Map<string, string>();
  for (const g of groups) for (const m of g.members) groupOf.set(m.id, g.id);

  const columns: PlacedNode[][] = [];
  for (const g of groups) (columns[g.layer] ??= []).push(g);
  for (let i = 0; i < columns.length; i++) columns[i] ??= [];
  order(columns, edges, groupOf);
  const placed = place(columns, width, gapFor(edges));
  const byId = new Map(groups.map((g) => [g.id, g]));
  return { nodes: groups, edges: route(edges, groupOf, byId), width: placed.width, height: placed.height, hidden };
}

/** Distance from the anchors over edges in either direction; without anchors, from nodes nothing points to. */
function layers(nodes: PathNode[], edges: PathEdge[], anchors: string[]): Map<string, number> {
  const neighbours = new Map<string, string[]>(nodes.map((n) => [n.id, []]));
  const incoming = new Map<string, number>();
  for (const e of edges) {
    neighbours.get(e.from)!.push(e.to);
    neighbours.get(e.to)!.push(e.from);
    incoming.set(e.to, (incoming.get(e.to) ?? 0) + 1);
  }
  const isAnchor = (n: PathNode) => n.term?.type === "uri" && anchors.includes(n.term.value);
  let roots = nodes.filter(isAnchor);
  if (roots.length === 0) roots = nodes.filter((n) => !incoming.has(n.id));
  if (roots.length === 0) roots = nodes.slice(0, 1);
  const layer = new Map<string, number>();
  let front = roots.map((n) => n.id);
  front.forEach((id) => layer.set(id, 0));
  for (let depth = 1; ; depth++) {
    const next: string[] = [];
    for (const id of front) {
      for (const other of neighbours.get(id)!) {
        if (!layer.has(other)) {
          layer.set(other, depth);
          next.push(other);
        }
      }
    }
    if (next.length > 0) {
      front = next;
      continue;
    }
    // Another component of the picture starts at the left again.
    const rest = nodes.find((n) => !layer.has(n.id));
    if (!rest) return layer;
    layer.set(rest.id, 0);
    front = [rest.id];
    depth = 0;
  }
}

/** Nodes of a layer with the same edges to the same nodes fold into one when the layer is crowded. */
function fold(nodes: PathNode[], edges: PathEdge[], layerOf: Map<string, number>, unfolded: ReadonlySet<string>): PlacedNode[] {
  const perLayer = new Map<number, number>();
  for (const n of nodes) perLayer.set(layerOf.get(n.id)!, (perLayer.get(layerOf.get(n.id)!) ?? 0) + 1);
  const signature = (n: PathNode) => {
    const sides = edges
      .filter((e) => e.from === n.id || e.to === n.id)
      .map((e) => (e.from === n.id ? `>${e.to}` : `<${e.from}`) + ` ${e.label ?? ""} ${e.kind ?? ""}`);
    return sides.sort().join("\n");
  };
  const groups = new Map<string, PlacedNode>();
  for (const n of nodes) {
    const layer = layerOf.get(n.id)!;
    const crowded = (perLayer.get(layer) ?? 0) > 6;
    const id = crowded && layer > 0 ? `fold ${layer} ${signature(n)}` : n.id;
    const existing = unfolded.has(id) ? undefined : groups.get(id);
    if (existing) {
      existing.members.push(n);
    } else {
      groups.set(unfolded.has(id) ? n.id : id, {
        id: unfolded.has(id) ? n.id : id, members: [n], label: "", sub: "", kind: n.kind ?? "entity", layer, x: 0, y: 0, width: 0, height: nodeHeight,
      });
    }
  }
  for (const g of groups.values()) {
    const first = g.members[0]!;
    g.label = g.members.length > 1 ? `× ${g.members.length}` : first.label;
    g.sub = g.members.length > 1 ? shorten(g.members.map((m) => m.label).join(", "), 22) : (first.sub ?? "");
    if (g.members.length === 1) g.id = first.id;
  }
  return [...groups.values()];
}

/** Four barycentre sweeps; ties keep the order of arrival. */
function order(columns: PlacedNode[][], edges: PathEdge[], groupOf: Map<string, string>) {
  const links = new Map<string, Set<string>>();
  const link = (a: string, b: string) => (links.get(a) ?? links.set(a, new Set()).get(a)!).add(b);
  for (const e of edges) {
    const a = groupOf.get(e.from)!;
    const b = groupOf.get(e.to)!;
    link(a, b);
    link(b, a);
  }
  for (let sweep = 0; sweep < 4; sweep++) {
    const down = sweep % 2 === 0;
    const sequence = columns.map((_, i) => (down ? i : columns.length - 1 - i)).slice(1);
    for (const i of sequence) {
      const reference = columns[down ? i - 1 : i + 1]!;
      const rank = new Map(reference.map((n, r) => [n.id, (r + 0.5) / reference.length]));
      const centre = (n: PlacedNode, own: number) => {
        const ranks = [...(links.get(n.id) ?? [])].map((id) => rank.get(id)).filter((r) => r !== undefined);
        return ranks.length > 0 ? ranks.reduce((a, b) => a + b, 0) / ranks.length : own;
      };
      const column = columns[i]!;
      columns[i] = column
        .map((n, own) => ({ n, own, c: centre(n, (own + 0.5) / column.length) }))
        .sort((a, b) => a.c - b.c || a.own - b.own)
        .map((x) => x.n);
    }
  }
}

const textWidth = (s: string, size: number) => [...s].length * size * 0.54;
const maxLabel = 24;
/** narrower columns hold too few letters to tell names apart: scroll instead */
const minColumn = 76;

export function shorten(s: string, max: number): string {
  const chars = [...s];
  return chars.length <= max ? s : chars.slice(0, max - 1).join("") + "…";
}

/** The space between columns fits the edge labels, within reason. */
function gapFor(edges: PathEdge[]): number {
  return Math.max(44, ...edges.map((e) => Math.min(72, textWidth(shorten(e.label ?? "", 16), 11) + 12)));
}

function place(columns: PlacedNode[][], width: number, minGap: number): { width: number; height: number } {
  const gaps = columns.length - 1;
  const wanted = columns.map((column) => {
    let w = 76;
    for (const n of column) w = Math.max(w, textWidth(shorten(n.label, maxLabel), 12) + 24, textWidth(shorten(n.sub, maxLabel), 11) + 24);
    return Math.min(176, Math.ceil(w));
  });
  const widths = shrink(wanted, width - 2 * margin - gaps * minGap);
  const minimum = widths.reduce((a, b) => a + b, 0) + gaps * minGap + 2 * margin;
  const total = Math.max(width, minimum);
  const gap = gaps > 0 ? Math.min(190, minGap + (total - minimum) / gaps) : 0;
  const used = minimum + (gap - minGap) * gaps;
  const tallest = Math.max(1, ...columns.map((c) => c.length));
  const height = Math.max(206, tallest * (nodeHeight + rowGap) - rowGap + 2 * margin);
  let x = margin + (total - used) / 2;
  columns.forEach((column, i) => {
    const free = height - 2 * margin - column.length * nodeHeight;
    const space = column.length > 1 ? Math.min(free / (column.length - 1), 72) : 0;
    let y = (height - column.length * nodeHeight - space * (column.length - 1)) / 2;
    for (const n of column) {
      n.width = widths[i]!;
      n.x = round(x);
      n.y = round(y);
      y += nodeHeight + space;
    }
    x += widths[i]! + gap;
  });
  return { width: Math.ceil(total), height: Math.ceil(height) };
}

/** shrink narrows the widest columns first until they fit, none below minColumn. */
function shrink(widths: number[], room: number): number[] {
  const out = [...widths];
  const sum = () => out.reduce((a, b) => a + b, 0);
  let over = sum() - room;
  while (over > 0) {
    const widest = Math.max(...out);
    if (widest <= minColumn) break;
    const next = Math.max(minColumn, ...out.filter((w) => w < widest));
    const many = out.filter((w) => w === widest).length;
    const cut = Math.min(widest - next, over / many);
    for (let i = 0; i < out.length; i++) if (out[i] === widest) out[i] = widest - cut;
    over = cut < 0.01 ? 0 : sum() - room;
  }
  return out.map(Math.floor);
}

function route(edges: PathEdge[], groupOf: Map<string, string>, byId: Map<string, PlacedNode>): PlacedEdge[] {
  const merged = new Map<string, PlacedEdge>();
  for (const e of edges) {
    const a = byId.get(groupOf.get(e.from)!)!;
    const b = byId.get(groupOf.get(e.to)!)!;
    const kind = e.kind ?? "stated";
    const id = JSON.stringify([a.id, b.id, e.label ?? "", kind]);
    const same = merged.get(id);
    if (same) {
      same.ids.push(e.id);
      if (e.statement) same.statements.push(e.statement);
      continue;
    }
    const x1 = a.layer <= b.layer ? a.x + a.width : a.x;
    const x2 = a.layer < b.layer ? b.x : b.x + b.width;
    const y1 = a.y + a.height / 2;
    const y2 = b.y + b.height / 2;
    const bend = a.layer === b.layer ? 40 : (x2 - x1) / 2;
    const c1 = x1 + bend;
    const c2 = a.layer === b.layer ? x2 + bend : x2 - bend;
    merged.set(id, {
      ids: [e.id], from: a.id, to: b.id, label: e.label ?? "", statements: e.statement ? [e.statement] : [], kind,
      d: `M${round(x1)} ${round(y1)}C${round(c1)} ${round(y1)} ${round(c2)} ${round(y2)} ${round(x2)} ${round(y2)}`,
      labelX: round(a.layer === b.layer ? x1 + 34 : (x1 + x2) / 2),
      labelY: round((y1 + y2) / 2 - 7),
      showLabel: true,
    });
  }
  const out = [...merged.values()];
  // One label says it for all parallel edges of a crowded gap.
  const gapKey = (e: PlacedEdge) => `${Math.min(byId.get(e.from)!.layer, byId.get(e.to)!.layer)} ${e.label}`;
  const crowd = new Map<string, PlacedEdge[]>();
  for (const e of out) (crowd.get(gapKey(e)) ?? crowd.set(gapKey(e), []).get(gapKey(e))!).push(e);
  for (const list of crowd.values()) {
    if (list.length <= 3) continue;
    list.forEach((e, i) => (e.showLabel = i === 0));
    list[0]!.labelY = Math.min(...list.map((e) => e.labelY)) - 2;
    list[0]!.labelY = Math.max(11, list[0]!.labelY);
  }
  return out;
}

function round(v: number): number {
  return Math.round(v * 10) / 10;
}
