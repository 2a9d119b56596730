"""How a page looks: black on white, on a screen as on paper."""

from __future__ import annotations

STYLE = """
:root { --ink: #1b1a17; --soft: #4f4b44; --line: #bdb6a8; --tint: #f4f1ea; --strong: #a3121a; }
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 3rem; max-width: 76rem; background: #fff;
  color: var(--ink);
  font: 1rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
header { border-top: .35rem solid var(--strong); padding-top: 1rem; }
h1 { margin: 0 0 .5rem; font-size: 1.9rem; line-height: 1.15; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.25rem; }
header p, .aside { margin: .2rem 0; color: var(--soft); max-width: 60rem; }
a { color: #0b4f8a; overflow-wrap: anywhere; }
a:focus-visible { outline: 3px solid #0b4f8a; outline-offset: 2px; }
.wide { overflow-x: auto; }
.wide + .wide { margin-top: 1.2rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: start; padding-bottom: .4rem; color: var(--soft); }
th, td {
  border: 1px solid var(--line); padding: .4rem .55rem; text-align: start; vertical-align: top;
  font-variant-numeric: tabular-nums;
}
thead th { background: var(--tint); }
tbody th { font-weight: 600; }
td.number { text-align: end; white-space: nowrap; }
td.text { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 16rem; }
td.text div { margin-top: .4rem; color: var(--soft); white-space: normal; }
td.proof, th { overflow-wrap: anywhere; }
td.proof { min-width: 11rem; font-size: .8rem; }
tfoot th, tfoot td { font-weight: 700; background: var(--tint); }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .3rem 1.2rem; }
dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
pre {
  padding: .7rem .9rem; border: 1px solid var(--line); background: var(--tint);
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem;
}
code { overflow-wrap: anywhere; font-size: .95em; }
@page { size: A4 landscape; margin: 14mm 12mm 16mm; }
@page { @bottom-right { content: counter(page) " / " counter(pages); font-size: 9pt; } }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  h1 { font-size: 18pt; }
  h2, caption { break-after: avoid; }
  .wide { overflow: visible; }
  thead { display: table-header-group; }
  tfoot { display: table-row-group; }
  tr, dl, pre { break-inside: avoid; }
  thead th, tfoot th, tfoot td, pre { print-color-adjust: exact; }
  a { color: inherit; }
}
"""
