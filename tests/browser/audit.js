// SPDX-License-Identifier: GPL-2.0-only
// Evaluated within a page: a list of what a reader would stumble over. WCAG 2.2, level AA.
(() => {
	const problems = [];
	const all = sel => [...document.querySelectorAll(sel)];
	const name = el => el.tagName.toLowerCase() + (el.id ? '#' + el.id : '') + ' "' +
		(el.textContent || '').trim().slice(0, 40) + '"';
	const rgba = text => {
		let m = text.match(/^rgba?\(([^)]*)\)$/);
		if (m) {
			const v = m[1].split(/[\s,/]+/).map(Number);
			return [v[0], v[1], v[2], v.length > 3 ? v[3] : 1];
		}
		m = text.match(/^color\(srgb ([^)]*)\)$/);
		if (!m)
			return null;
		const v = m[1].split(/[\s/]+/).map(Number);
		return [v[0] * 255, v[1] * 255, v[2] * 255, v.length > 3 ? v[3] : 1];
	};
	const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3])).concat(1);
	// What stands behind @el: its own ground and those of the elements it is in.
	const ground = el => {
		const stack = [];
		for (let e = el; e; e = e.parentElement) {
			const c = rgba(getComputedStyle(e).backgroundColor);
			if (c && c[3] > 0)
				stack.push(c);
			if (c && c[3] === 1)
				break;
		}
		return stack.reduceRight((under, c) => over(c, under), [255, 255, 255, 1]);
	};
	const luminance = c => {
		const v = c.slice(0, 3).map(x => {
			x /= 255;
			return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
		});
		return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2];
	};
	const contrast = (a, b) => {
		const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
		return (hi + 0.05) / (lo + 0.05);
	};

	// Folded parts are read too, and on paper nobody can unfold them.
	const paper = matchMedia('print').matches;
	const hidden = el => !el.getClientRects().length;
	if (paper && all('.folded').some(hidden))
		problems.push('folded away on paper');
	if (!paper && all('.folded').some(el => !hidden(el)))
		problems.push('not folded');
	all('details').forEach(d => { d.open = true; });
	if (all('.folded').some(hidden) || all('details > :not(summary)').length)
		problems.push('cannot be unfolded');

	let texts = 0;
	all('body *').forEach(el => {
		if (['SCRIPT', 'STYLE', 'title', 'desc'].includes(el.tagName))
			return;
		if (![...el.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
			return;
		const style = getComputedStyle(el), svg = el instanceof SVGElement;
		if (style.visibility === 'hidden' || !el.getClientRects().length)
			return;
		const ink = rgba(svg ? style.fill : style.color);
		if (!ink) {
			problems.push(`contrast not known: ${name(el)} ${svg ? style.fill : style.color}`);
			return;
		}
		texts++;
		const under = ground(svg ? el.closest('svg').parentElement : el);
		const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
		const need = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
		const is = contrast(over(ink, under), under);
		if (is < need)
			problems.push(`contrast ${is.toFixed(2)} of ${name(el)}`);
	});
	if (!texts)
		problems.push('no text was seen');

	if (document.documentElement.scrollWidth > innerWidth)
		problems.push(`sideways: ${document.documentElement.scrollWidth} pixels in ${innerWidth}`);
	// A box that scrolls must be reached by keyboard.
	all('body *').forEach(el => {
		const style = getComputedStyle(el);
		if (/auto|scroll/.test(style.overflowX) && el.scrollWidth > el.clientWidth + 1 && el.tabIndex < 0)
			problems.push(`scrolls and has no tabindex: ${name(el)}`);
	});

	let level = 0;
	all('h1,h2,h3,h4,h5,h6').forEach(h => {
		const now = Number(h.tagName[1]);
		if (now > level + 1)
			problems.push(`heading jumps from ${level} to ${now}: ${name(h)}`);
		level = now;
	});
	if (all('h1').length !== 1)
		problems.push(`${all('h1').length} headings of level 1`);

	const seen = new Set();
	all('[id]').forEach(el => {
		if (seen.has(el.id))
			problems.push(`id twice: ${el.id}`);
		seen.add(el.id);
	});
	all('a[href^="#"]').forEach(a => {
		if (!document.getElementById(a.getAttribute('href').slice(1)))
			problems.push(`leads nowhere: ${a.getAttribute('href')}`);
	});
	all('img').forEach(img => {
		if (!img.hasAttribute('alt'))
			problems.push(`no alt: ${img.src.slice(0, 60)}`);
	});
	all('svg').forEach(svg => {
		const of = svg.closest('[role=img]');
		if (!of || !(of.getAttribute('aria-label') || '').trim())
			problems.push('alt: a drawing has no label');
	});
	all('figure').forEach(f => {
		if (!f.querySelector('figcaption'))
			problems.push(`figure without caption: ${name(f)}`);
	});
	all('th').forEach(th => {
		if (!th.scope)
			problems.push(`th without scope: ${name(th)}`);
	});
	if (all('script').length)
		problems.push(`${all('script').length} script`);
	if (!document.documentElement.lang)
		problems.push('no lang');
	if (!document.title.trim())
		problems.push('no title');
	if (paper && contrast(ground(document.body), [255, 255, 255, 1]) > 1.01)
		problems.push('paper is not white');
	return problems;
})()
