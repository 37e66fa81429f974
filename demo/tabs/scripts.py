"""What the swap and live tabs do in the browser: small functions that hand a choice to gradio."""

EXAMPLES_JS = """
element.addEventListener('click', event => {
    const button = event.target.closest('button[data-index]');
    if (!button) return;
    window.facehub = {...window.facehub, example: Number(button.dataset.index)};
    trigger('select');
});
"""

FACES_JS = """
element.addEventListener('change', () => {
    const boxes = [...element.querySelectorAll('input[type=checkbox]')];
    const menus = [...element.querySelectorAll('select')];
    const parts = boxes.flatMap((box, face) => box.checked
        ? [menus[face].value ? `${face}=${menus[face].value}` : `${face}`] : []);
    menus.forEach((menu, face) => { menu.disabled = !boxes[face].checked; });
    const all = parts.length === boxes.length && menus.every(menu => !menu.value);
    window.facehub = {...window.facehub, faces: all ? 'all' : parts.join(',') || 'none'};
    trigger('select');
});
watch('value', () => element.querySelectorAll('input').forEach(box => { box.checked = true; }));
"""
"""Reports which faces are included, and which of them have an identity of their own."""

ADDRESS_JS = """(name) => {
    const address = new URL(location), shared = name && !name.startsWith('trained:');
    address.searchParams.delete('identity');
    const rest = address.searchParams.toString();
    const own = shared ? 'identity=' + encodeURIComponent(name).replace('%2F', '/').replace('%40', '@') : '';
    const query = [own, rest].filter(Boolean).join('&');
    history.replaceState(history.state, '', address.pathname + (query ? '?' + query : '') + address.hash);
}"""
"""The page's address follows the chosen identity. A trained one is not named in it: its name holds a key."""

REMEMBER_PHOTO_JS = """(photo) => photo?.path
    ? sessionStorage.setItem('facehub-photo', photo.path) : sessionStorage.removeItem('facehub-photo')"""
REMEMBERED_PHOTO_JS = "() => sessionStorage.getItem('facehub-photo') ?? ''"

BEGIN_JS = """() => {
    const shared = window.facehub = window.facehub ?? {};
    document.querySelectorAll('#stage, #pictures, #how').forEach(part => { part.dataset.stale = ''; });
    return shared.ticket = Math.max(Date.now(), (shared.ticket ?? 0) + 1);
}"""
"""Hides the pictures of the choice before at once, and gives the new choice its ticket. Tickets are the
browser's: answers of the server can overtake each other."""

NEWEST_JS = "(...values) => { values[%d] = window.facehub?.ticket ?? 0; return values; }"
"""Puts the newest ticket in its place among the inputs."""

FRESH_JS = """(ticket) => {
    if (ticket < (window.facehub?.ticket ?? 0)) return;
    document.querySelectorAll('#stage, #pictures, #how').forEach(part => { delete part.dataset.stale; });
}"""
"""Shows the pictures of the newest choice."""

GO_TO_JS = """() => {
    if (%s) return;
    const place = document.querySelector('%s'), calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const go = () => {
        if (!place.matches(':has(%s)')) return false;
        const block = innerWidth > 640 ? 'nearest' : 'start';
        place.scrollIntoView({block, behavior: calm ? 'auto' : 'smooth'});
        return true;
    };
    if (go()) return;
    const coming = new MutationObserver(() => { if (go()) coming.disconnect(); });
    coming.observe(place, {childList: true, subtree: true});
}"""
"""Goes to a place once it holds what was asked for, which is drawn after its event. To fill in: when to stay,
the place, and what it will hold."""

SHOW_RESULT_JS = GO_TO_JS % ("innerWidth > 640", "#before-after", "img")
"""On a phone the result is below the photo: go there."""

DOWNLOAD_JS = """(file) => {
    const link = document.createElement('a');
    link.href = file.url; link.download = file.orig_name || file.path.split('/').pop();
    document.body.append(link); link.click(); link.remove();
}"""

SNAPSHOT_JS = """() => {
    const link = document.createElement('a');
    link.href = document.querySelector('#live-picture img').src; link.download = 'facehub-live.jpg';
    document.body.append(link); link.click(); link.remove();
}"""
"""Saves the last picture of the camera with its marks, from the page itself: it is asked of nobody."""

RECORD_JS = """() => {
    const shared = window.facehub = window.facehub ?? {}, ending = '%s', beginning = '%s';
    if (shared.recorder) { shared.recorder.stop(); return beginning; }
    const shown = () => document.querySelector('#live-picture img'), first = shown();
    const canvas = document.createElement('canvas'), parts = [];
    canvas.width = first.naturalWidth; canvas.height = first.naturalHeight;
    const paint = () => {
        const picture = shown();
        if (picture?.complete && picture.naturalWidth)
            canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
    };
    paint();
    const painting = setInterval(paint, 40);
    const recorder = shared.recorder = new MediaRecorder(canvas.captureStream(25));
    recorder.ondataavailable = event => parts.push(event.data);
    recorder.onstop = () => {
        clearInterval(painting); shared.recorder = null;
        const kind = recorder.mimeType.split(';')[0], link = document.createElement('a');
        link.href = URL.createObjectURL(new Blob(parts, {type: kind}));
        link.download = 'facehub-live.' + (kind.endsWith('mp4') ? 'mp4' : 'webm');
        document.body.append(link); link.click(); link.remove();
        setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    };
    recorder.start();
    return ending;
}"""
"""Begins or ends a video of the pictures shown, made in the browser. The answer is the button's next text."""
