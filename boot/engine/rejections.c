/* Promise rejections that nobody has handled yet, in the order in which they happened. */
#include "native.h"

struct rejection {
    struct rejection *next;
    JSValue promise, reason;
};

static struct rejection *first, **last = &first;

static void remove_at(JSContext *context, struct rejection **link)
{
    struct rejection *rejection = *link;
    *link = rejection->next;
    if (last == &rejection->next)
        last = link;
    JS_FreeValue(context, rejection->promise);
    JS_FreeValue(context, rejection->reason);
    js_free(context, rejection);
}

static void track(JSContext *context, JSValueConst promise, JSValueConst reason, JS_BOOL is_handled, void *opaque)
{
    (void)opaque;
    if (!is_handled) {
        struct rejection *rejection = js_malloc(context, sizeof(*rejection));
        if (rejection == NULL)
            return;
        *rejection = (struct rejection){NULL, JS_DupValue(context, promise), JS_DupValue(context, reason)};
        *last = rejection;
        last = &rejection->next;
        return;
    }
    /* A handler that came later takes the rejection off the list. */
    for (struct rejection **link = &first; *link != NULL; link = &(*link)->next) {
        if (JS_VALUE_GET_PTR((*link)->promise) == JS_VALUE_GET_PTR(promise)) {
            remove_at(context, link);
            return;
        }
    }
}

void rejections_forget(JSContext *context, JSValueConst reason)
{
    for (struct rejection **link = &first; *link != NULL;) {
        if (JS_StrictEq(context, (*link)->reason, reason))
            remove_at(context, link);
        else
            link = &(*link)->next;
    }
}

bool rejections_wait(void)
{
    return first != NULL;
}

JSValue native_take_unhandled_rejection(JSContext *context, JSValueConst self, int argc, JSValueConst *argv)
{
    (void)self, (void)argc, (void)argv;
    struct rejection *rejection = first;
    if (rejection == NULL)
        return JS_UNDEFINED;
    JSValue result = JS_NewArray(context);
    JS_SetPropertyUint32(context, result, 0, JS_DupValue(context, rejection->reason));
    remove_at(context, &first);
    return result;
}

void rejections_init(JSRuntime *runtime)
{
    JS_SetHostPromiseRejectionTracker(runtime, track, NULL);
}
