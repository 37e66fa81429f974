// Answers to everything that the page asks for come over one stream, which the server closes when it has
// answered all. gradio's client loses what it asks for in just that moment: it takes the stream for open, then
// closes it, and nobody listens for the answer (its client/js/src/utils/stream.ts, close_stream). Here the
// stream goes on over another connection until everything is answered. Runs before gradio's own scripts.
window.facehubAnswers = request => {
    const unanswered = new Set(), early = new Set(), asking = new Set();

    const took = ({event_id: id} = {}) => { if (id && !early.delete(id)) unanswered.add(id); };
    const answered = id => { if (id && !unanswered.delete(id)) early.add(id); };

    const ask = (input, options) => {
        const sent = request(input, options);
        const noted = sent.then(response => response.clone().json()).then(took, () => {});
        asking.add(noted);
        noted.then(() => asking.delete(noted));
        return sent;
    };

    const messages = async function* (response) {
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let text = ''; ;) {
            const {value, done} = await reader.read();
            if (done) return;
            const parts = (text + value).split('\n\n');
            text = parts.pop();
            yield* parts;
        }
    };

    const read = async (input, options) => {
        const first = await request(input, options), bytes = new TextEncoder();
        if (!first.ok || !first.body) return first;
        const pass = async controller => {
            for (let response = first, last = ''; ; last = '') {
                for await (const message of messages(response)) {
                    const data = JSON.parse(message.replace(/^data: ?/, ''));
                    if (data.msg === 'process_completed') answered(data.event_id);
                    if (data.msg === 'close_stream') last = message;
                    else controller.enqueue(bytes.encode(message + '\n\n'));
                }
                await Promise.all(asking);
                response = last && unanswered.size ? await request(input, options) : null;
                if (response?.ok) continue;
                if (last) controller.enqueue(bytes.encode(last + '\n\n'));
                return controller.close();
            }
        };
        const body = new ReadableStream({start: controller => { pass(controller).catch(error => controller.error(error)); }});
        return new Response(body, {status: first.status, headers: first.headers});
    };

    return (input, options) => {
        const {pathname} = new URL(input?.url ?? input, location.href);
        if (pathname.endsWith('/queue/join')) return ask(input, options);
        if (pathname.endsWith('/queue/data')) return read(input, options);
        if (pathname.endsWith('/cancel')) unanswered.delete(JSON.parse(options?.body ?? '{}').event_id);
        return request(input, options);
    };
};
window.fetch = window.facehubAnswers(window.fetch.bind(window));
