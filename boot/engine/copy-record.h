/* A part of engine.c: an object like another, with all of its fields at once. */
#ifndef EREMITE_COPY_RECORD_H
#define EREMITE_COPY_RECORD_H

static bool is_plain_record(JSValueConst value)
{
    if (JS_VALUE_GET_TAG(value) != JS_TAG_OBJECT)
        return false;
    const JSObject *object = JS_VALUE_GET_OBJ(value);
    JSShape *shape = object->shape;
    int kinds = 0;
    for (int i = 0; i < shape->prop_count; i++)
        kinds |= get_shape_prop(shape)[i].flags & JS_PROP_TMASK;
    /* A shape that is not hashed belongs to one object alone. */
    return object->class_id == JS_CLASS_OBJECT && !object->is_exotic && shape->is_hashed && kinds == 0 &&
           shape->deleted_prop_count == 0;
}

/* Constructors leave up to half as much room again as the fields need; of a record with many copies that is given back. */
static bool trim_fields(JSContext *context, JSObject *object)
{
    if (js_shape_prepare_update(context, object, NULL) < 0)
        return false;
    bool is_trimmed = compact_properties(context, object) == 0;
    object->shape->is_hashed = true;
    js_shape_hash_link(context->rt, object->shape);
    return is_trimmed;
}

JSValue engine_copy_record(JSContext *context, JSValueConst record)
{
    if (!is_plain_record(record))
        return JS_ThrowTypeError(context, "Cannot copy a record: it is not a plain object");
    JSObject *from = JS_VALUE_GET_OBJ(record);
    JSShape *shape = from->shape;
    if (shape->prop_size > max_int(shape->prop_count, JS_PROP_INITIAL_SIZE) && !trim_fields(context, from))
        return JS_EXCEPTION;
    shape = from->shape;
    JSValue copy = JS_NewObjectFromShape(context, js_dup_shape(shape), JS_CLASS_OBJECT);
    if (JS_IsException(copy))
        return copy;
    /* Nothing is allocated before all are filled, so that nobody sees one that is not. */
    JSProperty *to = JS_VALUE_GET_OBJ(copy)->prop;
    for (int i = 0; i < shape->prop_count; i++)
        to[i].u.value = JS_DupValue(context, from->prop[i].u.value);
    return copy;
}

#endif
