() => {
    // Addresses, messages and names that gradio does not give the page. Runs once, when the page is there.
    const TABS = {
        swap: 'Swap a photo', video: 'Swap a video', live: 'Live', hub: 'Find a face', train: 'Train a face',
        check: 'Check a picture', about: 'About',
    };
    const HOME = 'swap';
    const idOf = label => Object.keys(TABS).find(id => TABS[id] === label.trim());
    const shown = () => document.querySelector('.tab-wrapper button[aria-selected=true]')?.dataset.tabId;
    const asked = () => location.hash.slice(1) in TABS ? location.hash.slice(1) : HOME;

    const open = id => {
        const visible = document.querySelector(`.tab-wrapper button[data-tab-id="${id}"]`);
        const inMenu = [...document.querySelectorAll('.overflow-dropdown button')].find(one => idOf(one.textContent) === id);
        (visible ?? inMenu)?.click();
    };
    const note = id => {
        if (!id || id === asked()) return;
        const address = location.pathname + location.search + (id === HOME ? '' : '#' + id);
        history.pushState({tab: id}, '', address);
    };
    document.addEventListener('click', event => {
        const button = event.target.closest('.tab-wrapper button');
        if (button) note(button.dataset.tabId ?? idOf(button.textContent));
    });
    for (const change of ['popstate', 'hashchange'])
        addEventListener(change, () => { if (asked() !== shown()) open(asked()); });

    // One message at a time: the next action, and the next message, take the last one away.
    const dismiss = kept => document.querySelectorAll('.toast-body').forEach(toast => {
        if (toast !== kept) toast.querySelector('.toast-close')?.click();
    });
    for (const action of ['click', 'drop', 'paste', 'change'])
        document.addEventListener(action, event => {
            if (event.isTrusted && event.target.closest?.('button, input, label, select') && !event.target.closest('.toast-wrap'))
                dismiss();
        }, true);

    // Names for what gradio leaves without one.
    const mend = () => {
        document.querySelectorAll('[aria-label="Empty value"]:not([role])').forEach(one => one.setAttribute('role', 'img'));
        document.querySelectorAll('button.upload-container[aria-label], button[aria-dropeffect][aria-label]')
            .forEach(one => one.removeAttribute('aria-label'));
        for (const slider of ['#before-after', '#video-frame'])
            document.querySelectorAll(slider + ' img').forEach((img, after) => { img.alt ||= after ? 'After the swap' : 'Before the swap'; });
        document.querySelectorAll('.select-all-checkbox:not([aria-label])').forEach(one => one.setAttribute('aria-label', 'Select all'));
        document.querySelectorAll('.tiles .gallery-item').forEach(item => {
            const name = item.querySelector('.caption-label')?.textContent.trim().replace(/\s+/g, ' ');
            const button = item.querySelector('button');
            if (name && button && button.getAttribute('aria-label') !== name) {
                button.setAttribute('aria-label', name);
                button.querySelectorAll('img').forEach(img => { img.alt = ''; });
            }
            if (button) {
                const pressed = String(button.classList.contains('selected'));
                if (button.getAttribute('aria-pressed') !== pressed) button.setAttribute('aria-pressed', pressed);
            }
        });
    };
    let waiting = false, last = null;
    new MutationObserver(changes => {
        for (const change of changes) for (const node of change.addedNodes) {
            const toast = node.nodeType === 1 && (node.matches('.toast-body') ? node : node.querySelector('.toast-body'));
            if (toast && toast !== last) { last = toast; dismiss(toast); }
        }
        if (!waiting) {
            waiting = true;
            requestAnimationFrame(() => { waiting = false; mend(); });
        }
    }).observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ['class', 'aria-selected']});
    mend();
    const tabs = document.querySelector('.tab-wrapper');
    if (tabs) new MutationObserver(() => note(shown())).observe(
        tabs, {attributes: true, subtree: true, attributeFilter: ['aria-selected']});
    if (asked() !== shown()) open(asked());
}
