// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page's looks. Colours are variables, each pair of text and ground at least 4.5:1
 * (tests/cli/report.test computes it), and none carries a meaning that no word carries too.
 */
#include "cli/output/report/page.h"

#include "cli/output/plot/plot.h"

static const char light[] =
	"--paper:#ffffff;--ink:#1b2430;--dim:#566170;--line:#d5dbe3;--soft:#f3f5f8;"
	"--grid:#dfe4ea;--bad:#a3240b;--badsoft:#fdf1ee;--good:#17683a;--goodsoft:#eef8f1;"
	"--warn:#7a4f00;--warnsoft:#fdf6e7;--link:#1a5a9e;";

static const char dark[] =
	"--paper:#14181e;--ink:#e4e8ee;--dim:#a2adbb;--line:#36404c;--soft:#1d232b;"
	"--grid:#313a45;--bad:#ff9a85;--badsoft:#2b1a18;--good:#79d29b;--goodsoft:#15261c;"
	"--warn:#f0c26a;--warnsoft:#292112;--link:#8fc1f5;";

static const char common[] =
	"*{box-sizing:border-box}\n"
	"html{-webkit-text-size-adjust:100%;text-size-adjust:100%}\n"
	"body{margin:0;background:var(--paper);color:var(--ink);"
	"font:16px/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\","
	"\"DejaVu Sans\",Arial,sans-serif;overflow-wrap:anywhere}\n"
	"main{max-width:1060px;margin:0 auto;padding:28px 24px 64px}\n"
	"h1,h2,h3,h4,h5{line-height:1.25;margin:0 0 .5em;text-wrap:balance}\n"
	"h1{font-size:1.9rem;letter-spacing:-.01em}\n"
	"h2{font-size:1.4rem;margin-top:2.2em;padding-top:.9em;border-top:1px solid var(--line)}\n"
	"h3{font-size:1.15rem;margin-top:1.7em}\n"
	"h4{font-size:1rem;margin-top:1.5em}\n"
	"h5{font-size:.95rem;margin-top:1.3em}\n"
	"p,ul,pre{margin:.6em 0;max-width:46em}\n"
	"pre{max-width:none}\n"
	"ul{padding-left:1.3em}\n"
	"li{margin:.25em 0}\n"
	"a{color:var(--link)}\n"
	"code,pre{font-family:ui-monospace,\"SF Mono\",Menlo,Consolas,\"DejaVu Sans Mono\","
	"monospace;font-size:.875em}\n"
	"pre{background:var(--soft);padding:.8em 1em;border-radius:6px;overflow-x:auto;"
	"white-space:pre-wrap}\n"
	".bad{color:var(--bad)}.good{color:var(--good)}.warn{color:var(--warn)}"
	".dim{color:var(--dim)}\n"
	"nav{margin:1.2em 0}\n"
	"nav ul{list-style:none;padding:0;margin:0;display:flex;flex-wrap:wrap;gap:.3em 1.2em;"
	"max-width:none}\n"
	"nav li{margin:0}\n"
	".box{border:1px solid var(--line);border-left-width:5px;border-radius:6px;"
	"padding:.7em 1.1em;margin:1em 0;background:var(--soft)}\n"
	".box.isbad{border-left-color:var(--bad);background:var(--badsoft)}\n"
	".box.isgood{border-left-color:var(--good);background:var(--goodsoft)}\n"
	".box.iswarn{border-left-color:var(--warn);background:var(--warnsoft)}\n"
	".box>:first-child{margin-top:.2em}.box>:last-child{margin-bottom:.2em}\n"
	"dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(180px,1fr));"
	"gap:.7em 1.6em;margin:1em 0}\n"
	"dl div{min-width:0}\n"
	"dt{color:var(--dim);font-size:.8125rem}\n"
	"dd{margin:0;font-variant-numeric:tabular-nums}\n"
	".box p{max-width:none}\n"
	".cap{color:var(--dim);font-size:.875rem;margin:1.2em 0 .3em;max-width:none}\n"
	".wide{overflow-x:auto;margin:0 0 1.2em;max-width:100%}\n"
	"table{border-collapse:collapse;font-size:.875rem;"
	"font-variant-numeric:tabular-nums;overflow-wrap:normal}\n"
	"th,td{text-align:left;vertical-align:top;padding:.34em 1.2em .34em 0;"
	"border-bottom:1px solid var(--line);white-space:nowrap}\n"
	"thead th{border-bottom:2px solid var(--line);color:var(--dim);font-weight:600;"
	"vertical-align:bottom}\n"
	"tbody th{font-weight:600}\n"
	"table.full{min-width:100%}\n"
	"th.num,td.num{text-align:right}\n"
	"th.text,td.text{white-space:normal;min-width:16em;overflow-wrap:break-word}\n"
	"tbody th.text{min-width:8em}thead th.text:first-child{min-width:0}\n"
	"th:last-child,td:last-child{padding-right:0}\n"
	"figure{margin:1.6em 0 2em}\n"
	".plot{overflow-x:auto}\n"
	".plot svg{display:block;width:100%;height:auto;min-width:460px;max-width:820px}\n"
	"figcaption{font-size:.9rem;max-width:52em;margin-top:.4em;color:var(--dim)}\n"
	"figcaption strong{color:var(--ink)}\n"
	"details{margin:1em 0}\n"
	"summary{cursor:pointer;color:var(--link)}\n"
	"details:not([open])+.folded{display:none}\n"
	".topo{display:flex;align-items:stretch;margin:1.2em 0;max-width:100%}\n"
	".topo .ports{list-style:none;margin:0;padding:0;flex:0 1 auto;min-width:0;"
	"max-width:none}\n"
	".topo li{display:flex;align-items:stretch;margin:0 0 8px}\n"
	".topo li:last-child{margin-bottom:0}\n"
	".topo li::after{content:\"\";flex:1 0 14px;align-self:center;"
	"border-top:2px solid var(--dim)}\n"
	".topo .node{border:1.5px solid var(--dim);border-radius:6px;padding:.3em .7em;"
	"background:var(--soft);min-width:0;line-height:1.3}\n"
	".topo li .node.vm{flex:0 0 auto;width:13em;max-width:45vw}\n"
	".topo .tap{align-self:center;border-radius:1em;background:var(--paper)}\n"
	".topo .switch,.topo .uplink{display:flex;flex-direction:column;justify-content:center}\n"
	".topo .uplink{align-self:center}\n"
	".topo small{display:block;color:var(--dim);font-size:.78rem}\n"
	".topo .wire{flex:0 0 22px;align-self:center;border-top:2px solid var(--dim)}\n"
	":focus-visible{outline:2px solid var(--link);outline-offset:2px}\n"
	"@media (max-width:600px){body{font-size:15px}main{padding:18px 16px 48px}"
	"h1{font-size:1.5rem}h2{font-size:1.25rem}"
	"dl{grid-template-columns:repeat(auto-fill,minmax(135px,1fr));gap:.6em 1em}"
	".topo .node{padding:.3em .45em;font-size:.8rem}.topo .wire{flex-basis:8px}"
	".topo li::after{flex-basis:8px}.topo li .node.vm{width:auto;max-width:34vw}}\n"
	"@media print{@page{margin:14mm}body{font-size:10.5pt}main{max-width:none;padding:0}"
	"nav,details{display:none}details:not([open])+.folded{display:block}"
	"h1{font-size:18pt}h2{font-size:14pt}"
	"h1,h2,h3,h4,h5,.cap{break-after:avoid}figure,.box,tr,.topo li{break-inside:avoid}"
	".wide,.plot{overflow:visible}.plot svg{min-width:0}th,td{white-space:normal}"
	"th.text,td.text{min-width:0}"
	"a{color:inherit;text-decoration:none}}\n";

void vnx_page_style(FILE *out)
{
	fprintf(out, ":root{color-scheme:light;%s%s}\n", light, vnx_plot_css(false));
	/* Paper is white whatever the screen was. */
	fprintf(out,
		"@media screen and (prefers-color-scheme:dark){:root{color-scheme:dark;%s%s}}\n",
		dark, vnx_plot_css(true));
	fputs(common, out);
}
